"""Every dictionary is a linear map with its adjoint, as an explicit matrix says."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from checkers import (
    assert_close,
    check_adjoint,
    check_gram,
    check_linear,
    check_lipschitz,
    eps,
    power_iteration,
    random_pair,
)
from discovery import DICTIONARIES, make_dictionary
from reference import conv_matrix, geometry, matrix_of

import sparsecsc as sc
from oracles import require_torch

DTYPES = (np.float32, np.float64)


def filters_of(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(dtype)


@dataclasses.dataclass(frozen=True)
class Case:
    """A dictionary and the signals it is tried on."""

    make: object
    """dtype -> dictionary"""
    shape: tuple
    exact: bool = False
    """Whether lipschitz(size) is the exact squared norm."""


def conv(filters, spatial, **options):
    exact = options.get("padding", "circular") == "circular"

    def make(dtype):
        return sc.ConvDictionary(filters_of(*filters, dtype=dtype), **options)

    return Case(make, (2, filters[1], *spatial), exact)


CASES = {
    "1d": conv((3, 2, 4), (12,)),
    "1d odd": conv((3, 1, 4), (11,)),
    "1d prime": conv((2, 3, 5), (13,)),
    "1d stride 2": conv((3, 2, 4), (12,), stride=2),
    "1d stride 3, one channel": conv((2, 1, 5), (15,), stride=3),
    "1d stride above kernel": conv((2, 1, 2), (12,), stride=4),
    "1d stride the whole signal": conv((4, 1, 3), (6,), stride=6),
    "1d dilation 3": conv((3, 2, 4), (16,), dilation=3),
    "1d dilation wraps": conv((3, 1, 4), (8,), dilation=5),
    "1d dilation wraps onto itself": conv((2, 1, 5), (6,), dilation=3),
    "1d dilation wraps, stride": conv((2, 2, 4), (8,), dilation=5, stride=2),
    "1d kernel as large as the signal": conv((2, 1, 7), (7,)),
    "1d one tap": conv((2, 3, 1), (5,)),
    "1d one sample": conv((2, 3, 1), (1,)),
    "2d": conv((3, 2, 3, 4), (6, 7)),
    "2d odd, stride": conv((2, 1, 3, 2), (9, 8), stride=(3, 2)),
    "2d dilation, stride": conv((2, 2, 2, 3), (6, 8), stride=(1, 2), dilation=(3, 2)),
    "2d one tap in an axis": conv((2, 1, 1, 3), (4, 5)),
    "2d kernel as large as the signal": conv((2, 1, 4, 5), (4, 5)),
    "3d": conv((2, 2, 2, 3, 2), (4, 5, 3)),
    "3d stride, dilation": conv((2, 1, 2, 2, 2), (4, 3, 6), stride=(2, 1, 3), dilation=(1, 2, 1)),
    "valid": conv((3, 2, 4), (11,), padding="valid"),
    "valid, kernel as large as the signal": conv((3, 2, 5), (5,), padding="valid"),
    "valid, stride leaves a rest": conv((3, 2, 4), (12,), padding="valid", stride=3),
    "same odd": conv((3, 1, 5), (9,), padding="same"),
    "same even": conv((3, 1, 4), (9,), padding="same"),
    "same, dilation": conv((3, 2, 3), (10,), padding="same", dilation=3),
    "same, dilation above the signal": conv((2, 1, 3), (5,), padding="same", dilation=4),
    "full": conv((3, 2, 4), (6,), padding="full"),
    "full, kernel above the signal": conv((2, 1, 6), (3,), padding="full"),
    "full, stride": conv((2, 2, 3), (7,), padding="full", stride=2),
    "int padding": conv((3, 2, 4), (7,), padding=1),
    "padding 0": conv((3, 2, 4), (7,), padding=0),
    "padding above the kernel": conv((2, 1, 3), (6,), padding=5, stride=2),
    "2d valid": conv((3, 2, 3, 2), (6, 5), padding="valid"),
    "2d same, stride": conv((2, 3, 3, 4), (7, 6), padding="same", stride=(2, 3)),
    "2d full, dilation": conv((2, 1, 2, 3), (4, 5), padding="full", dilation=(2, 1)),
    "2d padding by axis": conv((2, 2, 3, 3), (5, 6), padding=(0, 2), stride=2, dilation=(1, 2)),
    "3d same": conv((2, 1, 3, 2, 3), (4, 3, 5), padding="same"),
    "3d valid, stride": conv((2, 2, 2, 2, 2), (5, 4, 3), padding="valid", stride=2),
    "identity": Case(lambda dtype: sc.Identity(), (2, 3, 7), exact=True),
    "identity 2d": Case(lambda dtype: sc.Identity(), (1, 2, 4, 3), exact=True),
    "concat": Case(
        lambda dtype: sc.Concat(
            [
                sc.ConvDictionary(filters_of(2, 2, 3, dtype=dtype)),
                sc.ConvDictionary(filters_of(3, 2, 5, dtype=dtype)),
            ]
        ),
        (3, 2, 9),
        exact=True,
    ),
    "concat identity": Case(
        lambda dtype: sc.Concat(
            [sc.Identity(), sc.ConvDictionary(filters_of(3, 2, 4, dtype=dtype))]
        ),
        (3, 2, 10),
        exact=True,
    ),
    "concat, one stride": Case(
        lambda dtype: sc.Concat(
            [
                sc.ConvDictionary(filters_of(2, 1, 3, dtype=dtype), stride=2),
                sc.ConvDictionary(filters_of(3, 1, 4, dtype=dtype), stride=2, dilation=2),
            ]
        ),
        (2, 1, 12),
        exact=True,
    ),
    "concat same": Case(
        lambda dtype: sc.Concat(
            [
                sc.Identity(),
                sc.ConvDictionary(filters_of(2, 2, 3, 3, dtype=dtype), dilation=2, padding="same"),
            ]
        ),
        (2, 2, 6, 5),
    ),
    "concat of concats": Case(
        lambda dtype: sc.Concat(
            [
                sc.Concat([sc.Identity(), sc.ConvDictionary(filters_of(1, 2, 3, dtype=dtype))]),
                sc.ConvDictionary(filters_of(2, 2, 2, dtype=dtype)),
            ]
        ),
        (2, 2, 7),
    ),
    "concat with a product": Case(
        lambda dtype: sc.Concat(
            [
                sc.Identity(),
                sc.Product(
                    [
                        sc.ConvDictionary(filters_of(3, 2, 3, dtype=dtype)),
                        sc.ConvDictionary(filters_of(2, 3, 2, dtype=dtype)),
                    ]
                ),
            ]
        ),
        (2, 2, 8),
    ),
    "product": Case(
        lambda dtype: sc.Product(
            [
                sc.ConvDictionary(filters_of(3, 2, 4, dtype=dtype)),
                sc.ConvDictionary(filters_of(4, 3, 3, dtype=dtype)),
            ]
        ),
        (2, 2, 9),
    ),
    "product, strides": Case(
        lambda dtype: sc.Product(
            [
                sc.ConvDictionary(filters_of(3, 1, 4, dtype=dtype), stride=2),
                sc.ConvDictionary(filters_of(2, 3, 2, dtype=dtype), stride=3),
            ]
        ),
        (2, 1, 12),
    ),
    "product, valid and strides": Case(
        lambda dtype: sc.Product(
            [
                sc.ConvDictionary(filters_of(2, 1, 3, 3, dtype=dtype), stride=2, padding="valid"),
                sc.ConvDictionary(filters_of(3, 2, 2, 2, dtype=dtype), padding="same"),
                sc.ConvDictionary(filters_of(2, 3, 2, 2, dtype=dtype), padding=1, stride=2),
            ]
        ),
        (2, 1, 9, 8),
    ),
    "product of concats": Case(
        lambda dtype: sc.Product(
            [
                sc.Concat([sc.Identity(), sc.ConvDictionary(filters_of(2, 1, 3, dtype=dtype))]),
                sc.Concat(
                    [sc.Identity(), sc.ConvDictionary(filters_of(2, 3, 3, dtype=dtype), dilation=2)]
                ),
            ]
        ),
        (2, 1, 10),
    ),
    "product with an identity": Case(
        lambda dtype: sc.Product(
            [sc.ConvDictionary(filters_of(3, 2, 4, dtype=dtype)), sc.Identity()]
        ),
        (1, 2, 8),
    ),
}
CASES |= {
    f"discovered {name}": Case(lambda dtype, cls=cls: make_dictionary(cls, dtype), (2, 2, 12))
    for name, cls in DICTIONARIES.items()
}
# A dictionary whose reference is known: all that exist today; a new one adds itself to matrix_of.
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
circular = pytest.mark.parametrize(
    "case", [c for c in CASES.values() if c.exact], ids=[n for n, c in CASES.items() if c.exact]
)
precisions = pytest.mark.parametrize("dtype", DTYPES, ids=("float32", "float64"))


def test_the_four_shipped_dictionaries_are_discovered():
    assert {"ConvDictionary", "Identity", "Concat", "Product"} <= set(DICTIONARIES)
    assert not any("Operator" in name for name in DICTIONARIES)


@every
@precisions
def test_adjoint_matches_synthesis(case, dtype):
    check_adjoint(case.make(dtype), case.shape, dtype)


@every
@precisions
def test_synthesis_and_analysis_are_linear(case, dtype):
    check_linear(case.make(dtype), case.shape, dtype)


@every
@precisions
def test_gram_is_analysis_after_synthesis(case, dtype):
    check_gram(case.make(dtype), case.shape, dtype)


@every
@precisions
def test_synthesis_and_analysis_agree_with_the_explicit_matrix(case, dtype):
    dictionary = case.make(dtype)
    codes, signal = random_pair(dictionary, case.shape, dtype)
    matrix, n_filters, code_spatial = matrix_of(dictionary, case.shape[1], case.shape[2:])
    image = dictionary.synthesize(codes, case.shape[2:])
    assert image.dtype == dtype
    assert_close(image, (codes.reshape(len(codes), -1) @ matrix.T).reshape(case.shape), dtype)
    correlation = dictionary.analyze(signal)
    assert correlation.dtype == dtype
    expected = (signal.reshape(len(signal), -1) @ matrix).reshape(-1, n_filters, *code_spatial)
    assert_close(correlation, expected, dtype)


@every
def test_code_shape_is_the_shape_of_the_matrix(case):
    dictionary = case.make(np.float64)
    _, n_filters, code_spatial = matrix_of(dictionary, case.shape[1], case.shape[2:])
    expected = (case.shape[0], n_filters, *code_spatial)
    assert dictionary.code_shape(case.shape) == expected
    assert dictionary.code_shape(list(case.shape)) == expected


@every
def test_lipschitz_is_never_below_power_iteration(case):
    check_lipschitz(case.make(np.float64), case.shape)


@every
def test_lipschitz_of_the_bound_operator_is_never_below_the_exact_norm(case):
    dictionary = case.make(np.float64)
    matrix, _, _ = matrix_of(dictionary, case.shape[1], case.shape[2:])
    norm = np.linalg.norm(matrix, 2) ** 2
    assert dictionary.bind(case.shape, np.zeros(1)).lipschitz() >= norm * (1 - 1e-12)


@circular
def test_lipschitz_is_the_exact_squared_norm_where_circular(case):
    dictionary = case.make(np.float64)
    matrix, _, _ = matrix_of(dictionary, case.shape[1], case.shape[2:])
    norm = np.linalg.norm(matrix, 2) ** 2
    # an SVD and an FFT of a few dozen entries: 1e-13 is what they leave
    assert dictionary.lipschitz(case.shape[2:]) == pytest.approx(norm, rel=1e-12)


@every
def test_lipschitz_without_a_size_bounds_the_one_with_it(case):
    dictionary = case.make(np.float64)
    matrix, _, _ = matrix_of(dictionary, case.shape[1], case.shape[2:])
    assert np.linalg.norm(matrix, 2) ** 2 <= dictionary.lipschitz() * (1 + 1e-12)


def random_geometry(rng):
    """Return random (filters, options) of a small 1-D or 2-D convolution."""
    d = int(rng.integers(1, 3))
    kernel = tuple(int(k) for k in rng.integers(1, 5, d))
    filters = rng.standard_normal((rng.integers(1, 4), rng.integers(1, 3), *kernel))
    options = {
        "stride": tuple(int(s) for s in rng.integers(1, 4, d)),
        "dilation": tuple(int(s) for s in rng.integers(1, 4, d)),
    }
    return filters, options


@pytest.mark.parametrize("seed", range(40))
def test_random_geometries_agree_with_the_matrix_in_value_and_norm(seed):
    rng = np.random.default_rng(seed)
    filters, options = random_geometry(rng)
    d = filters.ndim - 2
    bounds = {}
    for padding in ("circular", "valid", "same", "full", 1):
        dictionary = sc.ConvDictionary(filters, padding=padding, **options)
        bounds[padding] = dictionary.lipschitz()
        for _ in range(3):
            extent = max(dictionary.extent)
            spatial = rng.integers(extent, extent + 5 + 5 * (d == 1), d)
            spatial = tuple(
                int(n) // s * s or s for n, s in zip(spatial, options["stride"], strict=True)
            )
            try:
                shape = dictionary.code_shape((1, filters.shape[1], *spatial))
            except ValueError:
                continue  # the kernel does not fit this size: test_bad_input holds the message
            matrix, code = conv_matrix(filters, spatial, padding=padding, **options)
            codes = rng.standard_normal(shape)
            expected = (matrix @ codes.ravel()).reshape(1, -1, *spatial)
            assert shape[2:] == code
            assert_close(dictionary.synthesize(codes, spatial), expected)
            norm = np.linalg.norm(matrix, 2) ** 2
            assert norm <= dictionary.lipschitz(spatial) * (1 + 1e-12)
            assert norm <= bounds[padding] * (1 + 1e-12)
            if padding == "circular":
                assert dictionary.lipschitz(spatial) == pytest.approx(norm, rel=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_one_lipschitz_bound_holds_for_all_sizes(stride, dilation):
    filters = filters_of(3, 2, 4)
    dictionary = sc.ConvDictionary(filters, stride=stride, dilation=dilation)
    bound = dictionary.lipschitz()
    sizes = [n for n in range(4, 41) if n % stride == 0 and n > dilation]
    norms = [np.linalg.norm(conv_matrix(filters, (n,), stride, dilation)[0], 2) ** 2 for n in sizes]
    assert max(norms) <= bound * (1 + 1e-12)
    # ... and is not loose: cos(pi / 16) is 0.98, and 40 samples see most of the spectrum
    assert bound <= 1.1 * max(norms)


@pytest.mark.parametrize("n", [15, 16, 21])
@pytest.mark.parametrize("s", [2, 3, 4, 5, 7])
def test_dilation_re_indexes_the_spectrum(n, s):
    # theory A1: W_s[k] = W[(s k) mod N]; singular values stay iff gcd(s, N) = 1, else L_s <= L_1
    filters = filters_of(3, 2, 4)
    impulse = np.zeros((3, 3, n))
    impulse[range(3), range(3), 0] = 1

    def spectrum(dilation):
        atoms = sc.ConvDictionary(filters, dilation=dilation).synthesize(impulse)
        return np.fft.fft(atoms, axis=-1)

    assert_close(
        np.abs(spectrum(s) - spectrum(1)[..., (s * np.arange(n)) % n]),
        np.zeros((3, 2, n)),
        scale=5.0,
    )
    plain, dilated = sc.ConvDictionary(filters), sc.ConvDictionary(filters, dilation=s)
    values = [np.linalg.svd(matrix_of(d, 2, (n,))[0], compute_uv=False) for d in (plain, dilated)]
    if math.gcd(s, n) == 1:
        assert_close(values[1], values[0])
        assert dilated.lipschitz((n,)) == pytest.approx(plain.lipschitz((n,)), rel=1e-12)
    else:
        assert dilated.lipschitz((n,)) <= plain.lipschitz((n,)) * (1 + 1e-12)


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_an_identity_beside_a_convolution_adds_one_to_the_norm(dilation):
    # ||[I, F^T]||^2 = 1 + ||F||^2 (theory A4)
    plain = sc.ConvDictionary(filters_of(4, 2, 3), dilation=dilation)
    layer = sc.Concat([sc.Identity(), plain])
    assert layer.lipschitz((14,)) == pytest.approx(1 + plain.lipschitz((14,)), rel=1e-12)
    assert layer.lipschitz() == pytest.approx(1 + plain.lipschitz(), rel=1e-12)


@every
def test_columns_are_the_columns_of_the_matrix(case):
    dictionary = case.make(np.float64)
    shape = dictionary.code_shape(case.shape)[1:]
    matrix, _, _ = matrix_of(dictionary, case.shape[1], case.shape[2:])
    rng = np.random.default_rng(5)
    for flat in rng.choice(math.prod(shape), min(12, math.prod(shape)), replace=False):
        index = tuple(int(i) for i in np.unravel_index(flat, shape))
        atom = dictionary.column(case.shape, index, np.zeros(1))
        assert_close(atom, matrix[:, flat].reshape(case.shape[1:]), scale=5.0)


def masks_of(shape, dtype):
    rng = np.random.default_rng(6)
    single = rng.random((1, 1, *shape[2:]))
    return {
        "ones": np.ones((1,) * len(shape), dtype),
        "holes": (single > 0.4).astype(dtype),
        "weights": single.astype(dtype),
        "by signal and channel": (rng.random(shape) > 0.3).astype(dtype),
    }


@every
@precisions
@pytest.mark.parametrize("mask", ["ones", "holes", "weights", "by signal and channel"])
def test_column_norms_are_those_of_the_masked_matrix(case, dtype, mask):
    dictionary = case.make(dtype)
    mask = masks_of(case.shape, dtype)[mask]
    matrix, _, _ = matrix_of(dictionary, case.shape[1], case.shape[2:])
    rows = np.broadcast_to(mask, case.shape).reshape(case.shape[0], -1, 1).astype(np.float64)
    expected = np.sqrt(((rows * matrix) ** 2).sum(axis=1))
    found = dictionary.column_norms(case.shape, mask)
    assert found.shape == dictionary.code_shape(case.shape)
    assert found.dtype == dtype
    # squares come from an FFT: their error is absolute, and a norm of 0 shows its square root
    assert_close(found.reshape(expected.shape) ** 2, expected**2, dtype)


# pairs of the library's padding and torch's, of any kernel and dilation
@pytest.mark.parametrize("spatial", [(13,), (9, 8), (6, 5, 7)], ids=("1d", "2d", "3d"))
@pytest.mark.parametrize("padding", ["valid", "full", 0, 1, 3], ids=str)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_borders_and_strides_agree_with_torch(spatial, padding, stride, dilation):
    torch = require_torch()
    d = len(spatial)
    filters = filters_of(3, 2, *(3, 2, 2)[:d])
    dictionary = sc.ConvDictionary(filters, stride=stride, dilation=dilation, padding=padding)
    pads = tuple(
        geometry(n, k, 1, dilation, padding)[0]
        for n, k in zip(spatial, filters.shape[2:], strict=True)
    )
    analyze = getattr(torch.nn.functional, f"conv{d}d")
    synthesize = getattr(torch.nn.functional, f"conv_transpose{d}d")
    weight = torch.from_numpy(filters)
    signal = np.random.default_rng(8).standard_normal((2, 2, *spatial))
    expected = analyze(torch.from_numpy(signal), weight, None, stride, pads, dilation).numpy()
    assert_close(dictionary.analyze(signal), expected)
    codes = np.random.default_rng(9).standard_normal(expected.shape)
    image = synthesize(torch.from_numpy(codes), weight, None, stride, pads, dilation=dilation)
    assert_close(dictionary.synthesize(codes), image.numpy())  # the default size is torch's


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_same_padding_agrees_with_torch_for_odd_and_even_kernels():
    torch = require_torch()
    for kernel, dilation in itertools.product([(3, 4), (1, 2), (5, 5)], [1, 2, 3]):
        filters = filters_of(2, 2, *kernel)
        signal = np.random.default_rng(8).standard_normal((1, 2, 12, 11))
        expected = torch.nn.functional.conv2d(
            torch.from_numpy(signal), torch.from_numpy(filters), padding="same", dilation=dilation
        )
        dictionary = sc.ConvDictionary(filters, padding="same", dilation=dilation)
        assert_close(dictionary.analyze(signal), expected.numpy())


@every
def test_the_default_size_is_the_smallest_with_such_codes(case):
    dictionary = case.make(np.float64)
    code_shape = dictionary.code_shape(case.shape)
    spatial = dictionary.signal_spatial(code_shape[2:])
    assert all(n <= m for n, m in zip(spatial, case.shape[2:], strict=True))
    assert dictionary.code_shape((*case.shape[:2], *spatial)) == code_shape
    codes, _ = random_pair(dictionary, case.shape, np.float64)
    small = dictionary.synthesize(codes)
    assert small.shape == (*case.shape[:2], *spatial)


def test_sizes_in_turn_do_not_mix_through_the_kept_operators():
    filters = filters_of(2, 1, 4)
    kept = sc.ConvDictionary(filters)
    for n in (8, 9, 10, 11, 8, 9, 12, 8, 10):
        codes = np.random.default_rng(n).standard_normal((1, 2, n))
        fresh = sc.ConvDictionary(filters)
        assert np.array_equal(kept.synthesize(codes), fresh.synthesize(codes))
        assert kept.lipschitz((n,)) == fresh.lipschitz((n,))


@every
def test_inputs_are_left_unchanged_and_may_be_read_only_or_strided(case):
    dictionary = case.make(np.float64)
    codes, signal = random_pair(dictionary, case.shape, np.float64)
    expected = dictionary.synthesize(codes, case.shape[2:]), dictionary.analyze(signal)
    views = [np.asfortranarray(codes), np.asfortranarray(signal)]
    for view, original in zip(views, (codes, signal), strict=True):
        view.flags.writeable = False
        assert np.array_equal(view, original)
    assert_close(dictionary.synthesize(views[0], case.shape[2:]), expected[0])
    assert_close(dictionary.analyze(views[1]), expected[1])
    assert np.array_equal(views[0], codes)


@every
def test_a_batch_is_its_signals_one_by_one(case):
    dictionary = case.make(np.float64)
    codes, signal = random_pair(dictionary, (5, *case.shape[1:]), np.float64)
    image, correlation = dictionary.synthesize(codes, case.shape[2:]), dictionary.analyze(signal)
    for b in range(5):
        assert_close(image[b : b + 1], dictionary.synthesize(codes[b : b + 1], case.shape[2:]))
        assert_close(correlation[b : b + 1], dictionary.analyze(signal[b : b + 1]))


def test_repr_says_the_geometry_and_the_path():
    text = repr(
        sc.ConvDictionary(filters_of(8, 3, 5, 4, dtype=np.float32), stride=2, padding="same")
    )
    for part in ("ConvDictionary", "8 filters", "5x4", "3 channels", "stride=(2, 2)"):
        assert part in text
    for part in ("dilation=(1, 1)", "padding='same'", "float32", "plan="):
        assert part in text
    assert "\n" not in text
    nested = repr(sc.Concat([sc.Identity(), sc.Product([sc.ConvDictionary(filters_of(1, 1, 2))])]))
    for part in ("Concat", "Identity", "Product", "ConvDictionary"):
        assert part in nested


def test_blocks_cover_the_codes_once_and_hand_out_what_they_name():
    # more coefficients than one block holds, so that there are several
    dictionary = sc.Concat([sc.Identity(), sc.ConvDictionary(filters_of(5, 2, 3))])
    shape = (3, 2, 2**17)
    signal = np.random.default_rng(1).standard_normal(shape)
    operator = dictionary.bind(shape, signal)
    whole = dictionary.analyze(signal)
    seen = np.zeros(whole.shape, dtype=int)

    def consume(block, correlation):
        seen[block] += 1
        assert np.array_equal(whole[block], correlation)
        correlation[...] = np.nan  # it belongs to the consumer
        return block

    blocks = operator.analyze(signal, consume)
    assert len(blocks) > 3
    assert np.all(seen == 1)
    assert sorted(map(str, blocks)) == sorted(map(str, operator.blocks(3)))


class _Wrapped:
    """A dictionary with one method made wrong."""

    def __init__(self, inner, **wrong):
        self.inner = inner
        self.wrong = wrong

    def __getattr__(self, name):
        return self.__dict__["wrong"].get(name) or getattr(self.__dict__["inner"], name)


def test_the_checkers_catch_wrong_dictionaries():
    good = sc.ConvDictionary(filters_of(3, 2, 4))
    shape = (2, 2, 12)
    for check in (check_adjoint, check_linear, check_gram):
        check(_Wrapped(good), shape)
    check_lipschitz(_Wrapped(good), shape)
    rolled = _Wrapped(good, analyze=lambda x: np.roll(good.analyze(x), 1, axis=-1))
    with pytest.raises(AssertionError):
        check_adjoint(rolled, shape)
    with pytest.raises(AssertionError):
        check_gram(rolled, shape)
    with pytest.raises(AssertionError):
        check_adjoint(_Wrapped(good, analyze=lambda x: (1 + 1e-9) * good.analyze(x)), shape)
    with pytest.raises(AssertionError):
        check_linear(_Wrapped(good, analyze=lambda x: np.abs(good.analyze(x))), shape)
    with pytest.raises(AssertionError):
        check_linear(_Wrapped(good, synthesize=lambda z, s: good.synthesize(z, s) + 1e-9), shape)
    exact = power_iteration(good, shape, 500)
    with pytest.raises(AssertionError):
        check_lipschitz(_Wrapped(good, lipschitz=lambda s: 0.9 * exact), shape)
    # sampled on the kernel's few frequencies: too small for most random filters
    filters = np.array([[[1.0, 2.0, -1.0]]])
    few = np.abs(np.fft.fft(filters)).max() ** 2
    bad = sc.ConvDictionary(filters)
    with pytest.raises(AssertionError):
        check_lipschitz(_Wrapped(bad, lipschitz=lambda s: few), (1, 1, 64))


def test_the_reference_matrix_is_a_circular_convolution():
    # the reference against numpy, so that both cannot be wrong alike
    filters = filters_of(1, 1, 4)
    codes = np.random.default_rng(2).standard_normal(9)
    matrix, _ = conv_matrix(filters, (9,))
    padded = np.zeros(9)
    padded[:4] = filters[0, 0]
    expected = [sum(padded[(i - j) % 9] * codes[j] for j in range(9)) for i in range(9)]
    assert_close(matrix @ codes, expected)
    matrix, _ = conv_matrix(filters, (9,), padding="full")
    assert_close(matrix @ np.ones(12), np.full(9, filters.sum()), slack=20)
    matrix, _ = conv_matrix(filters, (9,), padding="valid")
    assert_close(matrix @ codes[:6], np.convolve(codes[:6], filters[0, 0]), slack=20)
    assert eps(np.float32) > eps(np.float64)


@every
def test_cover_reaches_every_sample_that_an_atom_touches(case):
    dictionary = case.make(np.float64)
    operator = dictionary.bind(case.shape, np.zeros(1))
    code = dictionary.code_shape(case.shape)[2:]
    values = np.random.default_rng(7).random((2, *code))
    matrix, n_filters, _ = matrix_of(dictionary, case.shape[1], case.shape[2:])
    touches = matrix.reshape(case.shape[1], -1, n_filters, math.prod(code)) != 0
    touches = touches.any(axis=(0, 2))
    found = operator.cover(values)
    assert found.shape == (2, 1, *case.shape[2:])
    for b in range(2):
        expected = np.max(np.where(touches, values[b].ravel(), 0.0), axis=1)
        # dilated filters have gaps, which may be covered too
        assert np.all(found[b].ravel() >= expected)
        assert set(found[b].ravel()) <= {0.0, *values[b].ravel()}
    if isinstance(dictionary, sc.ConvDictionary) and set(dictionary.dilation) == {1}:
        assert np.array_equal(found[1].ravel(), expected)
