"""sparsecsc for the public benchopt/benchmark_csc: put this file into its folder ``solvers``.

The clock of benchopt runs over `init` and the steps; the objective is benchopt's own.
"""

from benchopt import BaseSolver

try:  # benchopt before 1.7 wants imports inside of this
    from benchopt import safe_import_context
except ImportError:
    import numpy as np

    import sparsecsc as sc
else:
    with safe_import_context() as import_ctx:
        import numpy as np

        import sparsecsc as sc


class Solver(BaseSolver):
    """One of the single-layer solvers of sparsecsc."""

    name = "sparsecsc"
    install_cmd = "conda"
    requirements = ("pip::sparsecsc",)
    sampling_strategy = "callback"
    # not ADMM, whose first iterates are zero: benchopt takes that for its end
    parameters = {"solver": ["CoordinateDescent", "FISTA"]}  # noqa: RUF012

    def set_objective(self, D, y, lmbd, positive):
        """Make the problem; `D` is (n_atoms, n_taps), `y` (n_times, n_signals)."""
        dictionary = sc.ConvDictionary(np.ascontiguousarray(D[:, None]), padding="valid")
        penalty = sc.NonnegativeL1(lmbd) if positive else sc.L1(lmbd)
        signal = np.ascontiguousarray(y.T[:, None])
        self.problem = sc.Pursuit(signal, dictionary, penalty)
        self.method = getattr(sc, self.solver)()
        self.state = None

    def zeros(self):
        """Return codes to start at, new ones each time: a solver may work in them."""
        codes = np.zeros(self.problem.codes_shape)
        sparse = getattr(self.method, "sparse", False)
        return sc.SparseCodes.from_dense(codes) if sparse else codes

    def warm_up(self):
        """Compile, or load from the cache, what is called; later steps call more than the first."""
        state = self.method.init(self.problem, self.zeros())
        for _ in range(8):
            state = self.method.step(self.problem, state)

    def run(self, callback):
        """Step until benchopt has seen enough."""
        self.state = None
        while callback():
            if self.state is None:
                self.state = self.method.init(self.problem, self.zeros())
            self.state = self.method.step(self.problem, self.state)

    def get_result(self):
        """Return the codes as (n_atoms, n_places, n_signals)."""
        codes = self.zeros() if self.state is None else self.state.codes
        codes = codes.to_dense() if hasattr(codes, "to_dense") else codes
        return {"theta": np.moveaxis(codes, 0, -1)}
