"""scikit-learn's own checks, and that the estimators give what the library gives."""

import pickle
import re

import numpy as np
import pytest
import scipy.sparse
from checkers import assert_close
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

import sparsecsc as sc
from sparsecsc.applications.features import pool_codes
from sparsecsc.estimators import ConvolutionalDictionaryLearner, ConvolutionalSparseCoder

HAAR = sc.haar_filters(1, 1)
FAILING = {
    "check_transformer_n_iter": "iterations are those of transform, sample by sample: fit has none",
}
SKIPPED = {"check_array_api_input": "arrays of other kinds are the core's matter"}


def small(**options):
    return ConvolutionalSparseCoder(HAAR, **{"tol": 0.05, "weight_ratio": 0.5} | options)


def signals(n=5, shape=(64,), dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal((n, *shape)).astype(dtype)


def failures(estimator, expected=FAILING):
    """Return what scikit-learn's checks find, by check, but for those that are expected."""
    done = check_estimator(estimator, expected_failed_checks=expected, on_fail=None, on_skip=None)
    assert len(done) > 40
    fine = {"passed", "xfail"}
    return {
        check["check_name"]: check["exception"]
        for check in done
        if check["status"] not in fine and check["check_name"] not in SKIPPED
    }


def test_the_coder_passes_the_checks_of_scikit_learn():
    assert failures(small(weight_ratio=0.9)) == {}


def test_the_checks_that_are_expected_to_fail_do_fail():
    for estimator, check in estimator_checks_generator(small()):
        if check.func.__name__ in FAILING:
            with pytest.raises(AttributeError, match="n_iter_"):
                check(estimator)


class Wrong(ConvolutionalSparseCoder):
    """Codes of a sample depend on the samples that come with it, and a parameter is changed."""

    def transform(self, X):
        self.tol = 0.04
        return super().transform(X - np.mean(X, axis=0))


def test_the_checks_catch_a_wrong_estimator():
    found = failures(Wrong(HAAR, tol=0.05, weight_ratio=0.5))
    assert set(found) >= {"check_dict_unchanged", "check_methods_subset_invariance"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("bank", "shape"),
    [
        (sc.random_filters(3, 1, 5, 0), (1, 40)),
        (sc.random_filters(3, 2, 5, 0), (2, 20)),
        (sc.random_filters(4, 1, (3, 3), 0), (1, 8, 9)),
        (sc.random_filters(4, 3, (3, 3), 0), (3, 8, 9)),
        (sc.random_filters(2, 1, (2, 2, 2), 0), (1, 4, 5, 6)),
    ],
    ids=lambda value: str(getattr(value, "shape", value)),
)
def test_codes_are_those_of_the_library_in_every_rank(bank, shape, dtype):
    X = signals(3, shape, dtype)
    coder = ConvolutionalSparseCoder(bank, weight=0.4, tol=1e-4)
    codes = coder.fit_transform(X)
    assert codes.dtype == dtype
    dictionary = sc.ConvDictionary(bank.astype(dtype))
    for row, sample in zip(codes, X, strict=True):
        result = sc.solve(sc.Pursuit(sample[None], dictionary, sc.L1(0.4)), tol=1e-4)
        np.testing.assert_array_equal(row, result.codes.reshape(-1))
    flat = ConvolutionalSparseCoder(bank, weight=0.4, tol=1e-4, sample_shape=shape)
    np.testing.assert_array_equal(flat.fit_transform(X.reshape(3, -1)), codes)
    assert coder.n_features_in_ == flat.n_features_in_ == np.prod(shape)
    assert coder.codes_shape_ == (len(bank), *shape[1:])
    back = coder.inverse_transform(codes)
    assert back.shape == X.shape
    assert back.dtype == dtype
    expected = dictionary.synthesize(codes.reshape(3, *coder.codes_shape_), shape[1:])
    assert_close(back, expected, dtype)
    assert_close(flat.inverse_transform(codes), expected.reshape(3, -1), dtype)


def test_sparse_output_holds_the_same_codes():
    X = signals(6)
    dense = small().fit_transform(X)
    coder = small(sparse_output=True)
    codes = coder.fit_transform(X)
    assert scipy.sparse.issparse(codes)
    assert codes.format == "csr"
    assert codes.nnz == np.count_nonzero(dense)
    np.testing.assert_array_equal(codes.toarray(), dense)
    expected = coder.inverse_transform(dense)
    assert_close(coder.inverse_transform(codes), expected)
    assert_close(coder.inverse_transform(scipy.sparse.csc_array(codes)), expected)


@pytest.mark.parametrize("sparse", [False, True])
def test_pooled_features_are_means_of_sizes_and_are_named(sparse):
    X = signals(4, (1, 8, 9))
    bank = sc.random_filters(3, 1, (3, 3), 0)
    codes = ConvolutionalSparseCoder(bank).fit_transform(X).reshape(4, 3, 8, 9)
    coder = ConvolutionalSparseCoder(bank, pool=(4, 5), sparse_output=sparse).fit(X)
    pooled = coder.transform(X)
    pooled = pooled.toarray() if sparse else pooled
    names = coder.get_feature_names_out()
    assert pooled.shape == (4, 12)
    assert len(names) == 12
    place = list(names).index("filter2_cell1_1")
    np.testing.assert_allclose(pooled[:, place], np.abs(codes[:, 2, 4:, 5:]).mean(axis=(1, 2)))
    with pytest.raises(ValueError, match=r"needs all codes; got pool=\(4, 5\)"):
        coder.inverse_transform(pooled)


def test_names_say_filter_and_position():
    coder = small().fit(signals(2, (1, 6)))
    codes = np.zeros((1, 12))
    codes[0, list(coder.get_feature_names_out()).index("filter1_at4")] = 1.0
    (sample,) = coder.inverse_transform(codes)
    assert np.flatnonzero(sample[0]).tolist() == [4, 5]


def test_the_weight_is_a_share_of_the_median_of_the_largest_weights():
    X = signals(5)
    X[2] *= 1000
    X[3] = 0
    found = [
        sc.lambda_max(sc.Pursuit(x[None, None], sc.ConvDictionary(HAAR), sc.L1(1.0))) for x in X
    ]
    coder = small(weight_ratio=0.25).fit(X)
    assert coder.weight_ == pytest.approx(0.25 * np.median([w for w in found if w > 0]))
    assert small(weight=0.7).fit(X).weight_ == 0.7
    assert small(weight_ratio=0.25).fit(0 * X).weight_ == 0.25


def test_processes_and_chunks_do_not_change_the_codes():
    X = signals(9)
    serial = small().fit_transform(X)
    np.testing.assert_array_equal(small(n_jobs=2).fit_transform(X), serial)
    coder = small(n_jobs=2, sparse_output=True)
    np.testing.assert_array_equal(coder.fit_transform(X).toarray(), serial)


def test_other_penalties_solvers_and_geometries_reach_the_solver():
    X = signals(3)
    codes = small(penalty=sc.NonnegativeL1).fit_transform(X)
    assert codes.min() == 0 < codes.max()
    greedy = small(penalty=sc.L0, weight=0.0, solver=sc.OMP(n_nonzero=3)).fit_transform(X)
    assert (np.count_nonzero(greedy, axis=1) == 3).all()
    strided = small(stride=2, padding="same").fit(X)
    assert strided.codes_shape_ == (2, 32)
    assert strided.inverse_transform(strided.transform(X)).shape == X.shape


def test_it_is_cloned_pickled_and_shown():
    coder = small(penalty=sc.NonnegativeL1, solver=sc.FISTA()).fit(signals())
    copied = clone(coder)
    assert not hasattr(copied, "weight_")
    np.testing.assert_array_equal(copied.filters, coder.filters)
    again = pickle.loads(pickle.dumps(coder))
    np.testing.assert_array_equal(again.transform(signals()), coder.transform(signals()))
    assert "ConvolutionalSparseCoder" in repr(coder)


def test_it_works_in_a_pipeline_and_a_grid_search():
    X, y = load_digits(n_class=3, return_X_y=True)
    X, y = X[:90], y[:90]
    coder = ConvolutionalSparseCoder(
        sc.dct_filters((3, 3)), sample_shape=(1, 8, 8), pool=4, tol=0.05
    )
    model = make_pipeline(coder, StandardScaler(), LogisticRegression())
    grid = {"convolutionalsparsecoder__weight_ratio": [0.05, 0.3]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.8
    assert search.best_estimator_[0].weight_ > 0


def test_frames_come_out_if_asked_for():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(signals(3, (4,)), columns=list("abcd"))
    coder = small().set_output(transform="pandas").fit(frame)
    out = coder.transform(frame)
    assert list(out.columns) == list(coder.get_feature_names_out())
    assert list(coder.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        coder.transform(frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match=r"(?i)sparse"):
        small(sparse_output=True).set_output(transform="pandas").fit_transform(frame)


def test_an_unreached_tolerance_is_reported():
    coder = small(max_iter=1, tol=1e-12, weight_ratio=0.01).fit(signals())
    with pytest.warns(ConvergenceWarning, match="5 of 5 samples did not reach the tolerance"):
        coder.transform(signals())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"filters": "dct"}, ValueError, "`filters` must be float32 or float64"),
        ({"filters": 1j * HAAR}, ValueError, "real and imaginary parts"),
        ({"filters": HAAR * np.nan}, ValueError, "`filters` must be finite"),
        ({"filters": HAAR[0]}, ValueError, "`filters` must have axes"),
        ({"filters": sc.dct_filters((3, 3))}, ValueError, "n_features = 64: set `sample_shape`"),
        ({"filters": sc.random_filters(2, 1, 65, 0)}, ValueError, "as large as their kernels"),
        ({"filters": sc.random_filters(2, 2, 5, 0)}, ValueError, "samples of 2 channels"),
        ({"sample_shape": 64}, TypeError, "`sample_shape` must be a sequence"),
        ({"sample_shape": (64,)}, ValueError, r"\(n_channels, \*spatial\) with 1 to 3"),
        ({"sample_shape": (1, 6.5)}, TypeError, "`sample_shape` must be an integer"),
        ({"sample_shape": (1, 63)}, ValueError, "must hold as many values as `X` has columns"),
        ({"weight": -1.0}, ValueError, "`weight` must be a number >= 0"),
        ({"weight": np.inf}, ValueError, "`weight` must be a number >= 0 and finite"),
        ({"weight_ratio": 0.0}, ValueError, "`weight_ratio` must be a number > 0"),
        ({"penalty": "l1"}, TypeError, "`penalty` must be callable"),
        ({"pool": 0}, ValueError, "`pool` must be an integer >= 1"),
        ({"pool": (2, 2)}, ValueError, "`pool` must be an int or have one entry"),
    ],
    ids=str,
)
def test_wrong_parameters_get_one_clear_error_in_fit(options, error, message):
    with pytest.raises(error, match=message):
        small().set_params(**options).fit(signals())


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (signals(3, (1, 8, 8, 2, 2)), "`X` must be"),
        (signals(3, (1, 40)), r"samples of `X` must have the shape \(1, 64\); got \(1, 40\)"),
        (signals(3, (40,)), "40 features, but ConvolutionalSparseCoder is expecting 64"),
        (signals(3) * np.inf, "infinity"),
        (np.zeros((0, 64)), "0 sample"),
    ],
    ids=["axes", "shape", "features", "infinite", "empty"],
)
def test_wrong_samples_get_one_clear_error_in_transform(X, message):
    coder = small().fit(signals())
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        coder.transform(X)


def test_wrong_codes_get_one_clear_error():
    coder = small().fit(signals())
    with pytest.raises(ValueError, match=r"codes must have 128 columns.*got 64"):
        coder.inverse_transform(signals())
    with pytest.raises(NotFittedError):
        small().inverse_transform(signals())


# ---- features ----


def pooled_slowly(codes, cell):
    """Return the means of |codes| over cells, cell by cell."""
    counts = [-(-n // w) for n, w in zip(codes.shape[2:], cell, strict=True)]
    out = np.zeros((*codes.shape[:2], *counts))
    for place in np.ndindex(*counts):
        cut = tuple(slice(p * w, (p + 1) * w) for p, w in zip(place, cell, strict=True))
        block = np.abs(codes[(slice(None), slice(None), *cut)])
        out[(slice(None), slice(None), *place)] = block.mean(axis=tuple(range(2, codes.ndim)))
    return out


@pytest.mark.parametrize(
    ("spatial", "cell"), [((11,), (3,)), ((7, 9), (4, 2)), ((4, 5, 6), (2, 9, 3))]
)
def test_pooling_is_the_mean_of_each_cell(spatial, cell):
    codes = signals(2, (3, *spatial))
    codes[np.abs(codes) < 1] = 0
    expected = pooled_slowly(codes, cell)
    np.testing.assert_allclose(pool_codes(codes, cell), expected, rtol=1e-13)
    sparse = sc.SparseCodes.from_dense(codes.astype(np.float32))
    pooled = pool_codes(sparse, cell)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, expected, rtol=1e-6)


def test_pooling_refuses_what_is_not_a_cell():
    codes = np.ones((1, 1, 4, 4))
    with pytest.raises(ValueError, match=re.escape("one entry for each of the 2 spatial axes")):
        pool_codes(codes, (2, 2, 2))
    with pytest.raises(ValueError, match="`cell` must be an integer >= 1"):
        pool_codes(codes, 0)
    with pytest.raises(TypeError, match="`codes` must be a NumPy array"):
        pool_codes([1.0], 2)


def two_layers():
    banks = sc.random_filters(4, 1, 5, 0), sc.random_filters(6, 4, 3, 1)
    return sc.MLCSC([sc.ConvDictionary(bank) for bank in banks])


def test_features_of_layers_are_their_codes():
    signal = signals(3, (1, 32))
    weights = [sc.NonnegativeL1(0.1), sc.NonnegativeL1(0.05)]
    solver = sc.LayeredThresholding()
    problem = sc.MultilayerPursuit(signal, two_layers(), weights)
    first, second = sc.solve(problem, solver).codes
    deepest = sc.layered_features(two_layers(), signal, weights, solver)
    np.testing.assert_array_equal(deepest, second.reshape(3, -1))
    both = sc.layered_features(two_layers(), signal, weights, solver, layers=(1, 2), pool=8)
    pieces = [pool_codes(codes, 8).reshape(3, -1) for codes in (first, second)]
    np.testing.assert_array_equal(both, np.concatenate(pieces, axis=1))


def test_one_dictionary_is_a_model_of_one_layer():
    signal = signals(3, (1, 32))
    dictionary = sc.ConvDictionary(HAAR)
    features = sc.layered_features(dictionary, signal, sc.L1(0.5), tol=1e-6)
    codes = sc.solve(sc.Pursuit(signal, dictionary, sc.L1(0.5)), tol=1e-6).codes
    np.testing.assert_array_equal(features, codes.reshape(3, -1))


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ((3,), ValueError, "some of the layers 1 to 2"),
        ((), ValueError, "some of the layers"),
        ((0,), ValueError, ">= 1"),
        (2, TypeError, "`layers` must be a sequence"),
    ],
)
def test_layers_that_are_not_there_are_refused(layers, error, message):
    weights = [sc.L1(0.1), sc.L1(0.1)]
    with pytest.raises(error, match=message):
        sc.layered_features(two_layers(), signals(1, (1, 32)), weights, layers=layers, max_iter=1)


# ---- the learner ----


def learner(**options):
    options = {"tol": 0.1, "max_iter": 3, "random_state": 0, "weight_ratio": 0.5} | options
    return ConvolutionalDictionaryLearner(**{"n_filters": 2, "kernel": 2} | options)


def planted(n=20, seed=0):
    """Return samples made of two filters, and the filters."""
    rng = np.random.default_rng(seed)
    codes = np.where(rng.random((n, 2, 80)) < 0.03, rng.uniform(1, 3, (n, 2, 80)), 0.0)
    filters = sc.random_filters(2, 1, 8, rng=1)
    return sc.ConvDictionary(filters).synthesize(codes)[:, 0], filters


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_learner_passes_the_checks_of_scikit_learn():
    assert failures(learner(weight_ratio=0.9, max_iter=2), expected={}) == {}


def test_the_learner_finds_what_the_library_finds():
    X, _ = planted()
    fitted = learner(kernel=8, weight=0.1, tol=1e-3, max_iter=100).fit(X)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    start = sc.patch_filters(X[:, None], 2, 8, seed)
    result = sc.learn(X[:, None], start, 0.1, tol=1e-3, max_iter=100)
    np.testing.assert_array_equal(fitted.filters_, result.filters)
    assert fitted.n_iter_ == result.n_iter
    assert fitted.objective_ == result.objective
    coder = ConvolutionalSparseCoder(result.filters, weight=0.1, tol=1e-3).fit(X)
    codes = fitted.transform(X)
    np.testing.assert_array_equal(codes, coder.transform(X))
    approximation = fitted.inverse_transform(codes)
    np.testing.assert_array_equal(approximation, coder.inverse_transform(codes))
    assert np.linalg.norm(X - approximation) < 0.2 * np.linalg.norm(X)
    np.testing.assert_array_equal(fitted.get_feature_names_out(), coder.get_feature_names_out())


def test_learning_lowers_the_objective_from_the_filters_it_is_given():
    X, truth = planted()
    near = truth + 0.1 * np.random.default_rng(2).standard_normal(truth.shape)
    near /= np.linalg.norm(near, axis=2, keepdims=True)
    fitted = learner(filters=near, weight=0.1, tol=1e-3, max_iter=100).fit(X)
    assert fitted.history_.objectives[-1] < 0.9 * fitted.history_.objectives[0]
    overlaps = np.abs((fitted.filters_ * truth).sum(axis=(1, 2)))
    norms = np.linalg.norm(fitted.filters_, axis=(1, 2))
    assert (overlaps > 0.99 * norms).all()


def test_images_and_options_reach_the_learner():
    X = signals(6, (1, 9, 8))
    options = {"kernel": 3, "n_filters": 4, "penalty": sc.NonnegativeL1, "pool": 4}
    fitted = learner(**options, max_iter=50, constraint=sc.UnitBall(zero_mean=True)).fit(X)
    assert fitted.filters_.shape == (4, 1, 3, 3)
    np.testing.assert_allclose(fitted.filters_.mean(axis=(1, 2, 3)), 0, atol=1e-12)
    assert fitted.transform(X).shape == (6, 4 * 3 * 2)
    flat = learner(**options, max_iter=50, sample_shape=(1, 9, 8), sparse_output=True)
    assert scipy.sparse.issparse(flat.fit_transform(X.reshape(6, -1)))


def test_the_learner_works_in_a_pipeline_and_is_pickled():
    X, y = load_digits(n_class=2, return_X_y=True)
    X, y = X[:60] / 16, y[:60]
    first = learner(
        kernel=3, n_filters=4, sample_shape=(1, 8, 8), pool=4, max_iter=50, weight_ratio=0.1
    )
    model = make_pipeline(first, StandardScaler(), LogisticRegression()).fit(X, y)
    assert model.score(X, y) > 0.95
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert not hasattr(clone(model)[0], "filters_")


def test_learning_that_is_not_done_is_reported():
    with pytest.warns(ConvergenceWarning, match="did not reach the tolerance 1e-09 in 1 rounds"):
        learner(tol=1e-9, max_iter=1, weight_ratio=0.01).fit(signals())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_filters": 0}, ValueError, "`n_filters` must be an integer >= 1"),
        ({"kernel": 65}, ValueError, "as large as their kernels"),
        ({"kernel": (2, 2)}, ValueError, "`kernel` must be an int or have one entry"),
        ({"filters": HAAR[0]}, ValueError, "`filters` must have axes"),
        ({"penalty": "l1"}, TypeError, "`penalty` must be callable"),
        ({"constraint": 1.0}, TypeError, "`constraint`"),
        ({"max_iter": 0}, ValueError, "`max_iter` must be an integer >= 1"),
        ({"weight": -1}, ValueError, "`weight` must be a number >= 0"),
    ],
    ids=str,
)
def test_wrong_parameters_of_the_learner_get_one_clear_error(options, error, message):
    with pytest.raises(error, match=message):
        learner(**options).fit(signals())


def test_samples_without_content_cannot_be_learned_from():
    with pytest.raises(ValueError, match="must not be 0 everywhere"):
        learner().fit(0 * signals())
    with pytest.raises(NotFittedError):
        learner().transform(signals())
