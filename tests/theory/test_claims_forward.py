"""Claims that layered thresholding is a network's forward pass, and what breaks them."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, instead

from sparsecsc.models.mlcsc import MLCSC
from sparsecsc.models.rescsc import ResCSC
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1
from sparsecsc.penalties.relu import ReLU
from sparsecsc.solvers.layered_thresholding import LayeredThresholding
from sparsecsc.theory.claims import forward
from sparsecsc.theory.claims.forward import CLAIMS

NETWORK, RESIDUAL, STEP, DENSE, LIFTED = (
    by_id(CLAIMS, f"B12-{name}") for name in ("network", "residual", "step", "dense", "lifted")
)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claim_holds(claim):
    check_holds(claim, n_trials=12, least_in_force=1.0)


def test_thresholds_are_minus_the_biases():
    flipped = instead(NETWORK, lambda p: replace(p, penalties=[ReLU(-q.bias) for q in p.penalties]))
    check_notices(NETWORK, **flipped)


def test_the_networks_convolution_is_the_adjoint_and_its_filters_are_not_flipped():
    def flip(p):
        layers = [replace(d, filters=d.filters[..., ::-1, ::-1]) for d in p.model.dictionaries]
        return replace(p, model=MLCSC(layers))

    check_notices(NETWORK, **instead(NETWORK, flip))


def _damped(p, damping):
    model = p.model
    return replace(p, model=ResCSC(model.dictionaries, list(model.shortcuts), damping))


@pytest.mark.parametrize(("claim", "damping"), [(RESIDUAL, "step"), (STEP, 0.0), (STEP, 0.1)])
def test_only_its_own_damping_makes_the_block(claim, damping):
    check_notices(claim, **instead(claim, lambda p: _damped(p, damping)))


def test_blocks_without_their_skip_are_noticed():
    check_notices(STEP, **instead(STEP, lambda p: replace(p, model=MLCSC(p.model.dictionaries))))


def test_a_step_of_another_size_is_noticed():
    def halve(p):
        return replace(p, solver=LayeredThresholding([s / 2 for s in p.solver.step_size]))

    check_notices(STEP, **instead(STEP, halve))


def test_a_signal_of_any_sign_is_not_passed_on_by_dense_layers():
    def draw(rng):
        p = DENSE.draw(rng)
        signal = -p.signal
        scales, biases = p.model.dilations, [q.bias[-len(b) :] for q, b in forward._pairs(p)]
        return replace(
            p,
            signal=signal,
            network=lambda: forward._dense_network(signal, p.model.filter_banks, biases, scales),
        )

    check_notices(DENSE, draw=draw, margins=always)


def test_a_threshold_on_the_identity_is_noticed():
    def thresholds(p):
        return replace(p, penalties=[NonnegativeL1(0.1) for _ in p.penalties])

    check_notices(DENSE, **instead(DENSE, thresholds))


def test_the_lifted_filters_need_the_minus_sign():
    def same_sign(p):
        banks = [np.array(bank) for bank in p.model.filter_banks]
        for bank in banks:
            bank[:, p.channels : 2 * p.channels] *= -1
        return replace(p, model=replace(p.model, filter_banks=banks))

    check_notices(LIFTED, **instead(LIFTED, same_sign))
