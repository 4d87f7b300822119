"""Files in and out: images, sound and arrays, and the codes of a run.

Every reader returns the core layout (n_signals, n_channels, *spatial) with a record of the format
it came from, so that a reconstruction can be written back as the same kind of file. Every writer is
atomic: a run that is killed leaves the old file or the new one. No reader runs pickled code.
"""

from sparsecsc.io.atomic import atomic_write as atomic_write
from sparsecsc.io.codes import SavedCodes as SavedCodes
from sparsecsc.io.codes import load_codes as load_codes
from sparsecsc.io.codes import save_codes as save_codes
from sparsecsc.io.files import SignalFile as SignalFile
from sparsecsc.io.files import load_filters as load_filters
from sparsecsc.io.files import load_mask as load_mask
from sparsecsc.io.files import read_signal as read_signal
from sparsecsc.io.files import write_signal as write_signal
