"""Claims about dense layers and frame potentials, and what breaks them."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import by_id, check_holds, check_notices, instead, scaled_bound

from sparsecsc.dictionaries.random import random_filters
from sparsecsc.optimality import duality_gap
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.solve import solve
from sparsecsc.theory.claims import dense, dense_chain, frames

CONTAINMENT, HUBER, RESIDUAL, NORM, FRAME = (
    by_id(dense.CLAIMS, f"B20-{name}")
    for name in ("containment", "huber", "largest-residual", "norm", "frame")
)
(EFFECTIVE,) = dense_chain.CLAIMS
POTENTIAL, COHERENCE, DEEP_POTENTIAL, DEEP_COHERENCE, COMPUTED = frames.CLAIMS


@pytest.mark.parametrize(
    "claim", [RESIDUAL, NORM, FRAME, EFFECTIVE, *frames.CLAIMS], ids=lambda claim: claim.id
)
def test_claim_holds(claim):
    check_holds(claim, n_trials=12, least_in_force=0.9)


@pytest.mark.parametrize("claim", [CONTAINMENT, HUBER], ids=lambda claim: claim.id)
def test_claim_about_the_optimum_holds(claim):
    check_holds(claim, n_trials=6, least_in_force=0.8)


def test_containment_is_attained_where_the_identity_is_not_needed():
    check_notices(CONTAINMENT, **scaled_bound(CONTAINMENT, 0.95))


def test_the_plain_layer_is_not_contained_in_the_dense_one():
    check_notices(CONTAINMENT, measure=CONTAINMENT.bound, bound=CONTAINMENT.measure)


def test_hubers_loss_bends_at_the_weight():
    class Other(dense.DenseLayer):
        def loss(self, residual):
            size, beta = np.abs(residual), 1.1 * self.weight
            return np.where(size <= beta, size**2 / 2, beta * size - beta**2 / 2)

    def spoil(layer):
        return Other(layer.signal, layer.filters, layer.dilation, layer.penalty)

    check_notices(HUBER, **instead(HUBER, spoil))


def test_with_codes_of_one_sign_hubers_loss_is_not_even():
    check_notices(HUBER, draw=lambda rng: replace(HUBER.draw(rng), penalty=NonnegativeL1(0.3)))


def test_the_gap_is_needed_before_the_optimum():
    check_notices(RESIDUAL, bound=lambda layer: layer.weight)


def test_the_bound_with_the_gap_is_nearly_attained():
    check_notices(RESIDUAL, **scaled_bound(RESIDUAL, 0.9), n_trials=60)


def test_with_codes_of_one_sign_only_one_side_is_bounded():
    def both(layer):
        return float(np.max(np.abs(layer.signal - layer.problem.synthesize(layer.iterate))))

    check_notices(RESIDUAL, measure=both, n_trials=40)


def test_without_the_identity_the_residual_is_not_bounded():
    def plain(layer):
        codes = solve(layer.plain, tol=1e-9, max_iter=3000).codes
        assert duality_gap(layer.plain, codes) < 1e-5
        return float(np.max(np.abs(layer.plain.residual(codes))))

    check_notices(RESIDUAL, measure=plain, bound=lambda layer: 1.01 * layer.weight, n_trials=8)


def test_the_identity_adds_one_to_the_squared_norm():
    def forgotten(layer):
        exact = dense._squared_norm(layer.explicit)
        return abs(dense._squared_norm(layer.explicit[:, layer.signal.size :]) / exact - 1.0)

    check_notices(NORM, measure=forgotten)


def test_without_the_identity_the_frame_operator_has_smaller_eigenvalues():
    def plain(layer):
        convolution = layer.explicit[:, layer.signal.size :]
        return float(np.linalg.eigvalsh(convolution @ convolution.T)[0])

    check_notices(FRAME, bound=plain)
    check_notices(FRAME, **scaled_bound(FRAME, 0.99))


def test_dilations_matter_to_the_effective_dictionary():
    def one(tower):
        return replace(tower, dilations=[s + 1 for s in tower.dilations])

    check_notices(EFFECTIVE, measure=lambda t: np.abs(t.library - one(t).explicit).max())


def test_layers_in_the_other_order_are_noticed():
    def measure(tower):
        n = tower.n * tower.banks[0].shape[1]
        found = tower.library
        swapped = np.hstack([found[:, n:], found[:, :n]])
        return float(np.abs(swapped - tower.explicit).max())

    check_notices(EFFECTIVE, measure=measure)


@pytest.mark.parametrize(
    ("claim", "factor"),
    [(POTENTIAL, 0.99), (COHERENCE, 0.99), (DEEP_POTENTIAL, 0.99), (DEEP_COHERENCE, 0.62)],
    ids=lambda value: getattr(value, "id", None),
)
def test_the_bound_is_attained_or_nearly(claim, factor):
    check_notices(claim, **scaled_bound(claim, factor), n_trials=40)


def test_atoms_must_have_unit_norm():
    class Raw(frames.Frame):
        @property
        def atoms(self):
            return self.explicit * 0.5

    check_notices(POTENTIAL, bound=lambda frame: Raw(frame.explicit, frame.computed).potential)


def test_more_atoms_than_dimensions_cannot_be_orthogonal():
    check_notices(POTENTIAL, measure=lambda frame: 1.01 * frame.n_atoms**2 / frame.n_rows)


def test_the_coherence_of_all_shifts_of_an_m_sequence_is_its_mean():
    check_notices(COHERENCE, measure=lambda frame: 1.01 * frame.mean_coherence)


def test_the_least_frame_potential_is_that_of_tight_frames_only():
    rng = np.random.default_rng(0)
    frame = frames._plain(random_filters(3, 1, 5, rng), 16)
    assert frame.potential > 1.05 * frame.n_atoms**2 / frame.n_rows


def test_a_potential_of_atoms_of_other_norms_is_noticed():
    def raw(frame):
        gram = frame.explicit.T @ frame.explicit
        return abs(frame.computed() / float(np.sum(gram**2)) - 1.0)

    check_notices(COMPUTED, measure=raw)
