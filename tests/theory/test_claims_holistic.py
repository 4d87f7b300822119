"""Oracle errors: the solver's mean error is the formula's; the claims can fail."""

import numpy as np
import pytest
from claim_checks import by_id, check_holds, check_notices, scaled_bound

from sparsecsc.theory.claim import run_trial
from sparsecsc.theory.claims import holistic
from sparsecsc.theory.small import matrix

CLAIMS = holistic.CLAIMS
SYNTHESIS, HOLISTIC = by_id(CLAIMS, "B18-synthesis"), by_id(CLAIMS, "B18-holistic")
GAIN, RANK = by_id(CLAIMS, "B18-gain"), by_id(CLAIMS, "B18-rank")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_claim_holds_and_is_in_force(claim):
    check_holds(claim, n_trials=6, least_in_force=0.9)


def test_the_formulas_are_those_of_the_explicit_matrices():
    for seed in range(4):
        oracle = holistic.draw_oracle(np.random.default_rng(seed))
        planted, n = oracle.planted, oracle.planted.n
        banks = [matrix(d.filters, (n,)) for d in planted.model.dictionaries]
        support = np.flatnonzero(planted.codes[-1])
        columns, rows = np.eye(banks[-1].shape[1])[:, support], []
        for i in range(len(banks) - 1, 0, -1):
            columns = banks[i] @ columns
            rows.append(columns[planted.codes[i - 1].ravel() == 0])
        atoms = banks[0] @ columns
        _, values, right = np.linalg.svd(np.concatenate(rows))
        kernel = right[np.sum(values > 1e-9) :].T
        gram = atoms.T @ atoms
        expected = [np.trace(np.linalg.inv(g)) for g in (gram, kernel.T @ gram @ kernel)]
        theory = oracle.theory
        found = [theory.synthesis / oracle.sigma**2, theory.holistic / oracle.sigma**2]
        assert found == pytest.approx(expected, rel=1e-9)


def test_random_noise_agrees_with_the_formula():
    oracle = holistic.draw_oracle(np.random.default_rng(2))
    rng, n_rounds = np.random.default_rng(0), 6
    errors = []
    for _ in range(n_rounds):
        # not orthonormal: 120 independent draws, each of norm 1 on average
        noise = rng.standard_normal(oracle.directions.shape)
        drawn = holistic.Oracle(oracle.planted, noise, oracle.sigma)
        errors.append(drawn.mean_error(holistic=True) / len(noise))
    mean, spread = np.mean(errors), np.std(errors) / np.sqrt(n_rounds)
    assert abs(mean - oracle.theory.holistic) < 5 * spread


def test_an_estimator_that_forgets_the_zeros_is_noticed():
    spoiled = {"measure": lambda o: abs(o.mean_error(holistic=False) / o.theory.holistic - 1)}
    check_notices(HOLISTIC, n_trials=4, **spoiled)


def test_the_error_with_fewer_unknowns_is_not_that_of_the_support():
    spoiled = {"measure": lambda o: abs(o.mean_error(holistic=True) / o.theory.synthesis - 1)}
    check_notices(SYNTHESIS, n_trials=4, **spoiled)


def test_half_the_bounds_are_noticed():
    check_notices(GAIN, **scaled_bound(GAIN, 0.5))
    check_notices(RANK, **scaled_bound(RANK, 0.5))


def test_counting_one_freedom_less_is_noticed_where_the_atoms_are_nearly_orthonormal():
    ratios = [run_trial(RANK, seed).ratio for seed in range(8)]
    assert max(ratios) > 0.5
