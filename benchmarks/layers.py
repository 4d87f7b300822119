"""Models of one to four layers: the exact solver and the unfolded ones, PyTorch beside them.

Plain chains, residual starts and dense dilated layers on a small photograph. What ML-ISTA and
ML-FISTA converge to is not the optimum of the problem, so that their curves end above it; the
PyTorch transcriptions take the same steps, so that only seconds differ. Run it with no argument::

    python benchmarks/layers.py

PyTorch's rows need torch. Every timed run is a line of benchmarks/out/layers.jsonl.
"""

from __future__ import annotations

import side_by_side

MODELS = ("mlcsc1", "mlcsc2", "mlcsc3", "mlcsc4", "rescsc3", "rescsc4", "msdcsc2", "msdcsc3")
SOLVERS = ("MLADMM", "MLISTA", "MLFISTA", "LayeredBasisPursuit", "torch ML-ISTA", "torch ML-FISTA")


def main() -> None:
    """Measure and print."""
    parser = side_by_side.parser(__doc__, SOLVERS, target=1e-5, seconds=10.0)
    parser.set_defaults(optimum_tol=1e-6, optimum_seconds=60.0)
    options = parser.parse_args()
    names = [f"camera48_{model}_r0.01" for model in MODELS]
    side_by_side.measure(options, names, "layers.jsonl")


if __name__ == "__main__":
    main()
