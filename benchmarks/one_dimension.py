"""Nonnegative codes of one axis against alphacsc's LGCD, and short signals against Lasso solvers.

100000 samples in 25 atoms of 64, from white noise and from smooth waveforms that look much alike;
weights of 0.02, 0.1 and 0.5 of lambda_max, at the last of which few coefficients are active. The
short signals fit scikit-learn, celer and skglm, which need the matrix. All in float64. Run it with
no argument::

    python benchmarks/one_dimension.py

Needs ``pip install "sparsecsc[bench]"``. Every timed run is a line of
benchmarks/out/one_dimension.jsonl, and a run that was cut off goes on where it was.
"""

from __future__ import annotations

import side_by_side

LONG = tuple(
    f"planted100000_{filters}_r{ratio}"
    for filters in ("random64x25", "waves64x25")
    for ratio in ("0.02", "0.1", "0.5")
)
SHORT = ("planted5000_random64x25_r0.05", "planted5000_waves64x25_r0.05")
OURS = "CoordinateDescent"
LGCD, LASSOS = ("alphacsc LGCD",), ("scikit-learn Lasso", "celer Lasso", "skglm Lasso")


def main() -> None:
    """Measure and print."""
    parser = side_by_side.parser(__doc__, (OURS, *LGCD, *LASSOS), target=1e-6, seconds=40.0)
    options = parser.parse_args()
    summaries = side_by_side.measure(options, (*LONG, *SHORT), "one_dimension.jsonl")
    targets = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    long = [s for s in summaries if s.problem not in SHORT]
    side_by_side.ratios(long, OURS, LGCD, targets)
    short = [s for s in summaries if s.problem in SHORT]
    side_by_side.ratios(short, OURS, LASSOS, targets)


if __name__ == "__main__":
    main()
