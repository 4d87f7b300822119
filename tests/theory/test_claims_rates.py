"""Claims about spectra and rates, and what breaks them."""

from dataclasses import replace

import numpy as np
import pytest
from claim_checks import always, by_id, check_holds, check_notices, instead, scaled_bound

from sparsecsc.solvers.fista import FISTA
from sparsecsc.solvers.ista import ISTA
from sparsecsc.theory.claims import rates, spectra

NORM, COPRIME, COMMON, ALIASING, BORDER = (
    by_id(spectra.CLAIMS, f"A1-{name}")
    for name in ("norm", "dilation-coprime", "dilation-common", "aliasing", "border")
)
MONOTONE, RATE, SHARP, MOMENTUM, DOSSAL = (
    by_id(rates.CLAIMS, f"B13-{name}")
    for name in ("monotone", "ista", "ista-sharp", "fista", "chambolle-dossal")
)


@pytest.mark.parametrize("claim", spectra.CLAIMS + rates.CLAIMS, ids=lambda claim: claim.id)
def test_claim_holds(claim):
    check_holds(claim, n_trials=12, least_in_force=1.0)


def _of_the_kernel_alone(spectrum):
    """The largest gain at the few frequencies of the kernel, too small for most filters."""
    axes = tuple(range(2, spectrum.filters.ndim))
    gains = np.moveaxis(np.fft.fftn(spectrum.filters, axes=axes), (0, 1), (-2, -1))
    return float(np.max(np.linalg.norm(gains, 2, axis=(-2, -1)))) ** 2


def test_the_kernels_own_frequencies_do_not_give_the_norm():
    check_notices(NORM, measure=lambda s: abs(_of_the_kernel_alone(s) / s.lipschitz - 1.0))


def test_a_dilation_with_a_common_factor_moves_singular_values():
    check_notices(COPRIME, draw=spectra._draw_common, margins=always)


def test_a_common_factor_can_leave_the_norm_as_it_is():
    check_notices(COMMON, **scaled_bound(COMMON, 0.9))


def test_the_norm_can_fall_where_dilation_loses_frequencies():
    check_notices(COMMON, measure=lambda s: spectra._squared_norm(s.plain), bound=COMMON.measure)


def test_without_the_stride_the_norm_is_another():
    check_notices(ALIASING, **instead(ALIASING, _WithoutStride))


class _WithoutStride(spectra.Spectrum):
    """The same filters, whose library constant forgets the stride."""

    def __init__(self, spectrum):
        super().__init__(spectrum.filters, spectrum.spatial, spectrum.stride)

    @property
    def lipschitz(self):
        return replace(spectra.Spectrum(self.filters, self.spatial), stride=1).lipschitz


def test_the_constant_at_a_border_is_nearly_attained():
    check_notices(BORDER, **scaled_bound(BORDER, 0.95))


def _with(solver):
    return lambda run: replace(run, solver=solver(run))


def test_momentum_is_not_monotone():
    check_notices(MONOTONE, **instead(MONOTONE, _with(lambda run: FISTA(restart=False))))


def test_long_steps_are_not_monotone():
    def long_step(run):
        return ISTA(step_size=2.5 / run.problem.lipschitz())

    def few(run):
        return replace(run, solver=long_step(run), n_steps=8)

    check_notices(MONOTONE, **instead(MONOTONE, few), margins=always)


@pytest.mark.parametrize(
    ("claim", "factor"),
    [(RATE, 0.49), (SHARP, 0.95), (MOMENTUM, 0.85), (DOSSAL, 0.85)],
    ids=["ista", "ista-sharp", "fista", "chambolle-dossal"],
)
def test_the_bound_is_nearly_attained(claim, factor):
    check_notices(claim, **scaled_bound(claim, factor), n_trials=40)


def test_the_worst_case_of_ista_attains_its_sharp_rate():
    run = rates.Descent(*rates.slope(1.0, steps=50), ISTA(), 50)
    assert 1.0 - 1e-3 < (run.excess / run.ista_bound())[-1] * 2 <= 1.0 + 1e-9


@pytest.mark.parametrize("claim", [MOMENTUM, DOSSAL], ids=["fista", "chambolle-dossal"])
@pytest.mark.parametrize("share", [1.0, 0.1])
def test_without_momentum_the_fast_rate_is_missed(claim, share):
    def plain(run):
        return ISTA(step_size=share / run.problem.lipschitz())

    check_notices(claim, **instead(claim, _with(plain)), margins=always)


def test_the_momentum_of_beck_and_teboulle_is_faster_than_the_bound_of_the_other_allows():
    """The bound of Chambolle and Dossal at a = 4 is looser: the claim with it is not sharp."""
    check_holds(replace(DOSSAL, **instead(DOSSAL, _with(lambda run: FISTA(restart=False)))))


def test_restarts_are_outside_the_hypotheses():
    run = replace(rates._draw_fista(np.random.default_rng(0)), solver=FISTA(restart=True))
    assert min(MOMENTUM.margins(run).values()) < 0
