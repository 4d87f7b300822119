"""Files in and out: images, sound and arrays, the codes of a run, models and networks' weights.

Every reader returns the core layout (n_signals, n_channels, *spatial) with a record of the format
it came from, so that a reconstruction can be written back as the same kind of file. Every writer is
atomic: a run that is killed leaves the old file or the new one. No reader runs pickled code.
"""

from sparsecsc.io.atomic import atomic_write as atomic_write
from sparsecsc.io.checkpoints import checkpoint as checkpoint
from sparsecsc.io.codes import SavedCodes as SavedCodes
from sparsecsc.io.codes import load_codes as load_codes
from sparsecsc.io.codes import save_codes as save_codes
from sparsecsc.io.files import SignalFile as SignalFile
from sparsecsc.io.files import load_filters as load_filters
from sparsecsc.io.files import load_mask as load_mask
from sparsecsc.io.files import read_signal as read_signal
from sparsecsc.io.files import write_signal as write_signal
from sparsecsc.io.large import open_signal as open_signal
from sparsecsc.io.large import split_lowpass_file as split_lowpass_file
from sparsecsc.io.layer_codes import SavedLayerCodes as SavedLayerCodes
from sparsecsc.io.layer_codes import load_layer_codes as load_layer_codes
from sparsecsc.io.layer_codes import save_layer_codes as save_layer_codes
from sparsecsc.io.mapped import write_mapped as write_mapped
from sparsecsc.io.mapped import write_signal_by_windows as write_signal_by_windows
from sparsecsc.io.models import SavedModel as SavedModel
from sparsecsc.io.models import load_model as load_model
from sparsecsc.io.models import save_model as save_model
from sparsecsc.io.online import load_online as load_online
from sparsecsc.io.online import online_checkpoint as online_checkpoint
from sparsecsc.io.online import save_online as save_online
from sparsecsc.io.weights import Convolutions as Convolutions
from sparsecsc.io.weights import load_convolutions as load_convolutions
