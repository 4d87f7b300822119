"""The stripe norm against a count over the columns of the explicit matrix."""

import itertools

import numpy as np
import pytest
from reference import matrix_of

import sparsecsc as sc


def ones(*shape, **geometry):
    """Return a dictionary whose taps are all nonzero, so that supports are what they seem."""
    return sc.ConvDictionary(np.ones(shape), **geometry)


GEOMETRIES = {
    "circular": (ones(3, 1, 4), (12,)),
    "circular, channels": (ones(2, 3, 3), (9,)),
    "circular, stride 2": (ones(3, 1, 4), (12,)),
    "circular, dilation 2": (ones(2, 1, 3, dilation=2), (13,)),
    "circular, one tap": (ones(3, 1, 1), (7,)),
    "circular, kernel of the size": (ones(2, 1, 6), (6,)),
    "valid": (ones(3, 1, 4, padding="valid"), (12,)),
    "valid, stride 3": (ones(2, 1, 4, padding="valid", stride=3), (14,)),
    "valid, dilation 3": (ones(2, 1, 3, padding="valid", dilation=3), (15,)),
    "valid, kernel of the size": (ones(4, 1, 6, padding="valid"), (6,)),
    "same": (ones(3, 1, 4, padding="same"), (12,)),
    "same, stride 2": (ones(3, 1, 3, padding="same", stride=2), (12,)),
    "full": (ones(2, 1, 4, padding="full"), (11,)),
    "full, stride 2": (ones(2, 1, 3, padding="full", stride=2), (11,)),
    "full, kernel longer than the signal": (ones(2, 1, 5, padding="full"), (3,)),
    "1": (ones(2, 1, 4, padding=1), (11,)),
    "2, stride 2, dilation 2": (ones(2, 1, 3, padding=2, stride=2, dilation=2), (13,)),
    "stride longer than the kernel": (ones(2, 1, 2, padding="valid", stride=3), (14,)),
    "2-D": (ones(2, 1, 2, 3), (5, 6)),
    "2-D, stride and dilation": (
        ones(2, 1, 2, 2, stride=(1, 2), dilation=(2, 1), padding="same"),
        (6, 6),
    ),
    "2-D, mixed borders": (ones(2, 1, 2, 3, padding=(0, 2)), (5, 6)),
    "2-D, valid": (ones(2, 2, 3, 2, padding="valid"), (6, 5)),
    "identity beside": (sc.Concat([sc.Identity(), ones(3, 2, 4)]), (10,)),
    "identity beside, same": (sc.Concat([sc.Identity(), ones(2, 1, 3, padding="same")]), (10,)),
    "two scales": (
        sc.Concat([ones(2, 1, 2), ones(1, 1, 3, dilation=2), sc.Identity()]),
        (12,),
    ),
    "2-D, identity beside": (sc.Concat([ones(2, 1, 2, 2), sc.Identity()]), (5, 4)),
}
GEOMETRIES["circular, stride 2"] = (ones(3, 1, 4, stride=2), (12,))


def extents(dictionary):
    """Return the size of the largest atom along each axis, from filters and dilations."""
    parts = getattr(dictionary, "dictionaries", [dictionary])
    sizes = []
    for part in parts:
        if hasattr(part, "filters"):
            pairs = zip(part.filters.shape[2:], part.dilation, strict=True)
            sizes.append([s * (k - 1) + 1 for k, s in pairs])
    return np.max(sizes, axis=0)


def is_circular(dictionary):
    """Return whether every border is circular."""
    parts = getattr(dictionary, "dictionaries", [dictionary])
    paddings = [
        np.atleast_1d(np.asarray(p.padding)).tolist() for p in parts if hasattr(p, "filters")
    ]
    return all(value == "circular" for padding in paddings for value in padding)


def brute_force(dictionary, codes, spatial):
    """Return the most nonzeros whose columns touch one patch, patch by patch."""
    channels = dictionary.n_channels or codes.shape[1]
    matrix, _, _ = matrix_of(dictionary, channels, spatial)
    touched = (matrix != 0).reshape(channels, *spatial, -1).any(axis=0)
    patch, circular = extents(dictionary), is_circular(dictionary)
    corners = [
        range(n if circular else max(n - p, 0) + 1) for n, p in zip(spatial, patch, strict=True)
    ]
    most = 0
    for corner in itertools.product(*corners):
        axes = [
            np.arange(q, q + p) % n if circular else np.arange(q, min(q + p, n))
            for q, p, n in zip(corner, patch, spatial, strict=True)
        ]
        stripe = touched[np.ix_(*axes)].reshape(-1, touched.shape[-1]).any(axis=0)
        for signal in codes:
            most = max(most, int(((signal.ravel() != 0) & stripe).sum()))
    return most


def channels_of(dictionary):
    """Return the channels of a signal that the dictionary takes."""
    return dictionary.n_channels or 1


def check_stripes(dictionary, spatial, count):
    """`count` is the brute-force count, for codes of several sparsities."""
    rng = np.random.default_rng(0)
    shape = dictionary.code_shape((2, channels_of(dictionary), *spatial))
    for share in (0.0, 0.05, 0.2, 0.6, 1.0):
        codes = rng.standard_normal(shape) * (rng.random(shape) < share)
        assert count(dictionary, codes, spatial) == brute_force(dictionary, codes, spatial)
    for index in np.ndindex(*shape[1:]):  # each coefficient alone is in some stripe, or in none
        codes = np.zeros((1, *shape[1:]))
        codes[(0, *index)] = -1e-300
        assert count(dictionary, codes, spatial) == brute_force(dictionary, codes, spatial)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_stripe_norm_is_the_count_over_the_columns(name):
    dictionary, spatial = GEOMETRIES[name]
    check_stripes(dictionary, spatial, sc.stripe_norm)


@pytest.mark.parametrize("name", ["circular", "valid", "identity beside", "2-D"])
def test_the_check_fails_for_other_counts(name):
    dictionary, spatial = GEOMETRIES[name]
    for wrong in (
        lambda d, z, s: int((z != 0).sum()),
        lambda d, z, s: max(sc.stripe_norm(d, z, s) - 1, 0),
    ):
        with pytest.raises(AssertionError):
            check_stripes(dictionary, spatial, wrong)


def test_a_full_stripe_of_one_bank_has_2n_minus_1_times_m_coefficients():
    dictionary = ones(3, 1, 4)
    assert sc.stripe_norm(dictionary, np.ones((1, 3, 20))) == (2 * 4 - 1) * 3


def test_the_size_of_the_signal_may_be_left_out_where_codes_tell_it():
    for name in ("circular", "valid", "2-D", "identity beside"):
        dictionary, spatial = GEOMETRIES[name]
        shape = dictionary.code_shape((1, channels_of(dictionary), *spatial))
        codes = (np.random.default_rng(1).random(shape) < 0.3) * 1.0
        assert sc.stripe_norm(dictionary, codes) == sc.stripe_norm(dictionary, codes, spatial)


def test_the_largest_over_the_batch_counts():
    dictionary = ones(2, 1, 3)
    codes = np.zeros((3, 2, 10))
    codes[1, :, 4:6] = 1.0
    assert sc.stripe_norm(dictionary, codes) == 4
    assert sc.stripe_norm(dictionary, codes[::2]) == 0


def test_what_cannot_be_measured_is_refused():
    message = r"`dictionary` must be a ConvDictionary, or a Concat of such and identities; got "
    product = sc.Product([ones(2, 1, 3), ones(3, 2, 2)])
    for dictionary in (product, sc.Concat([sc.Identity(), product]), sc.Identity()):
        with pytest.raises(TypeError, match=message):
            sc.stripe_norm(dictionary, np.ones((1, 3, 12)))
