# ruff: noqa: E501 - a row of the table is one line, with its whole message
"""Every misuse gets one line that says what was expected, what came, and what to do.

TypeError for kinds and missing abilities; ValueError for shape, dtype, range, NaN and infinity.
"""

import re

import numpy as np
import pytest

import sparsecsc as sc

F = np.random.default_rng(0).standard_normal((4, 1, 5))
F2 = np.random.default_rng(0).standard_normal((8, 3, 5, 5))
Y = np.random.default_rng(1).standard_normal((2, 1, 20))
D = sc.ConvDictionary(F)
P = sc.Pursuit(Y, D, sc.L1(1.0))
Z = np.zeros((2, 4, 20))
P0 = sc.Pursuit(Y, D, sc.L0(0.1))
STRIDED = sc.ConvDictionary(F, stride=3)
MANY = np.ones((3, 1, 20))


def broken(array, value, index=0):
    array = array.copy()
    array.flat[index] = value
    return array


def solve(problem=P, solver=None, **options):
    return sc.solve(problem, solver, **{"max_iter": 2, **options})


def strict(array):
    return pytest.importorskip("array_api_strict").asarray(array)


def omp(penalty=None, **options):
    return solve(sc.Pursuit(MANY, D, penalty or sc.L0(0.0)), sc.OMP(**options))


V, T = ValueError, TypeError
ROWS = {
    # filters
    "filters: list": (lambda: sc.ConvDictionary([[[1.0]]]), T, r"`filters` must be an array .*; got list: use numpy.asarray\."),
    "filters: int": (lambda: sc.ConvDictionary(np.ones((1, 1, 3), int)), V, r"`filters` must be float32 or float64; got int64: scale and convert it"),
    "filters: complex": (lambda: sc.ConvDictionary(np.ones((1, 1, 3), complex)), V, r"`filters` must be float32 or float64; got complex128: pass the real and imaginary"),
    "filters: bool": (lambda: sc.ConvDictionary(np.ones((1, 1, 3), bool)), V, r"must be float32 or float64; got bool"),
    "filters: half": (lambda: sc.ConvDictionary(np.ones((1, 1, 3), np.float16)), V, r"must be float32 or float64; got float16"),
    "filters: big-endian": (lambda: sc.ConvDictionary(np.ones((1, 1, 3), ">f8")), V, r"must be float32 or float64; got >f8"),
    "filters: rank 2": (lambda: sc.ConvDictionary(np.ones((3, 3))), V, r"`filters` must have axes \(n_filters, n_channels, \*kernel\) .*; got shape \(3, 3\): add or remove"),
    "filters: rank 6": (lambda: sc.ConvDictionary(np.ones((1,) * 6)), V, r"`filters` must have axes .*; got shape \(1, 1, 1, 1, 1, 1\)"),
    "filters: none of them": (lambda: sc.ConvDictionary(np.ones((0, 1, 3))), V, r"`filters` must not be empty; got shape \(0, 1, 3\): check"),
    "filters: NaN": (lambda: sc.ConvDictionary(broken(F, np.nan)), V, r"`filters` must be finite; got 1 NaN or infinite values: replace"),
    "filters: inf": (lambda: sc.ConvDictionary(broken(F, -np.inf)), V, r"`filters` must be finite; got 1 NaN or infinite"),
    "filters: foreign kind": (lambda: sc.ConvDictionary(strict(F)), T, r"arrays must be of kind .*numpy.*; got array_api_strict: convert"),
    "filters: masked array": (lambda: sc.ConvDictionary(np.ma.masked_array(F, F > 0)), T, r"got .*[Mm]asked.*mask"),
    # geometry
    "stride: 0": (lambda: sc.ConvDictionary(F, stride=0), V, r"`stride` must be an integer >= 1; got 0: choose a larger"),
    "stride: float": (lambda: sc.ConvDictionary(F, stride=1.5), T, r"`stride` must be an integer >= 1; got 1\.5: pass an int"),
    "stride: too many entries": (lambda: sc.ConvDictionary(F, stride=(1, 2)), V, r"`stride` must be an int or have one entry for each of the 1 spatial axes; got \(1, 2\)"),
    "stride: does not divide": (lambda: STRIDED.analyze(Y), V, r"`signal` must be a multiple of the stride 3 along spatial axis 0 .*; got 20: crop or pad"),
    "dilation: negative": (lambda: sc.ConvDictionary(F, dilation=-2), V, r"`dilation` must be an integer >= 1; got -2"),
    "dilation: too large for a circle": (lambda: sc.ConvDictionary(F, dilation=20).analyze(Y), V, r"`signal` must have at least 21 samples .* dilation 20 .*; got 20: use a smaller kernel"),
    "dilation: too large for the border": (lambda: sc.ConvDictionary(F, dilation=6, padding="valid").analyze(Y), V, r"at least 25 samples .*padding 'valid'; got 20"),
    "padding: unknown": (lambda: sc.ConvDictionary(F, padding="reflect"), V, r"`padding` must be one of circular, valid, same, full, an int .*; got 'reflect': choose"),
    "padding: negative": (lambda: sc.ConvDictionary(F, padding=-1), V, r"`padding` must be an integer >= 0; got -1"),
    "padding: float": (lambda: sc.ConvDictionary(F, padding=0.5), T, r"`padding` must be an integer >= 0; got 0\.5"),
    "padding: None": (lambda: sc.ConvDictionary(F, padding=None), T, r"`padding` must be .*; got None"),
    "kernel above the signal: circular": (lambda: D.analyze(Y[..., :4]), V, r"`signal` must have at least 5 samples along spatial axis 0 for a kernel of 5 taps.*; got 4: use a smaller"),
    "kernel above the signal: valid": (lambda: sc.ConvDictionary(F, padding="valid").analyze(Y[..., :4]), V, r"at least 5 samples.*'valid'; got 4"),
    "kernel above the signal: int": (lambda: sc.ConvDictionary(F, padding=1).analyze(Y[..., :2]), V, r"at least 3 samples.*padding \(1,\); got 2"),
    "codes too small for the padding": (lambda: sc.ConvDictionary(F, padding=9).synthesize(np.ones((1, 4, 3))), V, r"`codes` .*padding.*got "),
    "concat: none": (lambda: sc.Concat([]), V, r"`dictionaries` must hold at least one dictionary; got none: add one"),
    "concat: not a sequence": (lambda: sc.Concat(D), T, r"`dictionaries` must be a sequence of dictionaries; got ConvDictionary"),
    "concat: not dictionaries": (lambda: sc.Concat([D, F]), T, r"`dictionaries` must .*; got ndarray"),
    "concat: a class": (lambda: sc.Concat([D, sc.Identity]), T, r"`dictionaries` must hold dictionaries, .*; got the class Identity as number 1: create one"),
    "concat: channels differ": (lambda: sc.Concat([D, sc.ConvDictionary(np.ones((1, 2, 3)))]), V, r"`dictionaries` must all have the same number of channels; got \[1, 2\]: make them alike"),
    "concat: sizes differ": (lambda: sc.Concat([D, sc.ConvDictionary(F, stride=2)]).analyze(Y), V, r"`dictionaries` must have codes of one spatial size; got \(20,\) from number 0 and \(10,\) from number 1: change"),
    "concat: dtypes differ": (lambda: sc.Concat([D, sc.ConvDictionary(F.astype(np.float32))]).analyze(Y), T, r"arrays must have one kind and one dtype; got `signal` is numpy float64, `filters` is numpy float32"),
    "product: none": (lambda: sc.Product([]), V, r"`dictionaries` must hold at least one dictionary; got none"),
    "product: not a sequence": (lambda: sc.Product(D), T, r"`dictionaries` must be a sequence of dictionaries; got ConvDictionary"),
    "product: not dictionaries": (lambda: sc.Product([D, 2]), T, r"`dictionaries` must hold dictionaries, .*; got int as number 1"),
    "product: does not chain": (lambda: sc.Product([D, sc.ConvDictionary(np.ones((1, 3, 2)))]), V, r"`dictionaries` must chain: number 1 must have 4 channels, one for each filter of number 0; got 3: match"),
    "synthesis: codes of other filters": (lambda: D.synthesize(np.ones((1, 3, 20))), V, r"`codes` must have shape \(1, 4, 20\) .*; got \(1, 3, 20\): match"),
    "synthesis: a size that does not fit": (lambda: D.synthesize(np.ones((1, 4, 20)), (21,)), V, r"`codes` must have shape \(1, 4, 21\) for a signal of spatial size \(21,\); got"),
    "synthesis: other precision": (lambda: D.synthesize(np.ones((1, 4, 20), np.float32)), T, r"one kind and one dtype"),
    # signals and masks
    "signal: list": (lambda: sc.Pursuit([[[1.0]]], D, sc.L1(1.0)), T, r"`signal` must be an array .*; got list"),
    "signal: rank 2": (lambda: sc.Pursuit(Y[0], D, sc.L1(1.0)), V, r"`signal` must have axes \(n_signals, n_channels, \*spatial\) .*; got shape \(1, 20\)"),
    "signal: one axis too many": (lambda: sc.Pursuit(Y[..., None], D, sc.L1(1.0)), V, r"`signal` must have 1 spatial axes and 1 channels to match `filters` \(4, 1, 5\); got shape \(2, 1, 20, 1\): reshape"),
    "signal: channels": (lambda: sc.Pursuit(np.ones((1, 1, 64, 64)), sc.ConvDictionary(F2), sc.L1(1.0)), V, r"`signal` must have 2 spatial axes and 3 channels to match `filters` \(8, 3, 5, 5\); got shape \(1, 1, 64, 64\)"),
    "signal: empty batch": (lambda: sc.Pursuit(Y[:0], D, sc.L1(1.0)), V, r"`signal` must not be empty; got shape \(0, 1, 20\)"),
    "signal: integers": (lambda: sc.Pursuit(np.ones((1, 1, 9), np.uint8), D, sc.L1(1.0)), V, r"`signal` must be float32 or float64; got uint8: scale and convert it, for example array\.astype\('float32'\) / 255"),
    "signal: NaN": (lambda: sc.Pursuit(broken(Y, np.nan), D, sc.L1(1.0)), V, r"`signal` must be finite; got 1 NaN or infinite values: replace them, for example by 0 with a mask"),
    "signal: other precision": (lambda: sc.Pursuit(Y.astype(np.float32), D, sc.L1(1.0)), T, r"arrays must have one kind and one dtype; got `signal` is numpy float32, `filters` is numpy float64: convert"),
    "signal: foreign kind": (lambda: sc.Pursuit(strict(Y), D, sc.L1(1.0)), T, r"arrays must be of kind .*numpy.*; got array_api_strict"),
    "signal: masked array": (lambda: sc.Pursuit(np.ma.masked_array(Y, Y > 0), D, sc.L1(1.0)), T, r"got .*[Mm]asked.*mask"),
    "mask: foreign kind": (lambda: sc.Pursuit(Y, D, sc.L1(1.0), mask=strict(Y)), T, r"got array_api_strict"),
    "mask: bool": (lambda: sc.Pursuit(Y, D, sc.L1(1.0), mask=Y > 0), V, r"`mask` must be float32 or float64; got bool"),
    "mask: other precision": (lambda: sc.Pursuit(Y, D, sc.L1(1.0), mask=np.ones((1, 1, 20), np.float32)), T, r"`signal` is numpy float64, `mask` is numpy float32"),
    "mask: shape": (lambda: sc.Pursuit(Y, D, sc.L1(1.0), mask=np.ones((2, 1, 19))), V, r"`mask` must be broadcastable to `signal` \(2, 1, 20\); got shape \(2, 1, 19\): reshape"),
    "mask: rank": (lambda: sc.Pursuit(Y, D, sc.L1(1.0), mask=np.ones(20)), V, r"`mask` must have axes as the signal's, or of size 1; got shape \(20,\)"),
    "mask: negative": (lambda: sc.Pursuit(Y, D, sc.L1(1.0), mask=-np.ones_like(Y)), V, r"`mask` must be >= 0, and positive somewhere; got values from -1 to -1: 1 keeps"),
    "mask: all zero": (lambda: sc.Pursuit(Y, D, sc.L1(1.0), mask=np.zeros_like(Y)), V, r"positive somewhere; got values from 0 to 0"),
    "mask: NaN": (lambda: sc.Pursuit(Y, D, sc.L1(1.0), mask=broken(np.ones_like(Y), np.nan)), V, r"`mask` must be finite; got 1 NaN"),
    # problems
    "dictionary: bare filters": (lambda: sc.Pursuit(Y, F, sc.L1(1.0)), T, r"`dictionary` must be a Dictionary; got ndarray, which lacks bind, code_shape: pass one"),
    "dictionary: a class": (lambda: sc.Pursuit(Y, sc.ConvDictionary, sc.L1(1.0)), T, r"`dictionary` must be .*got .*ConvDictionary"),
    "penalty: a number": (lambda: sc.Pursuit(Y, D, 0.1), T, r"`penalty` must be a Penalty; got float, which lacks value, prox, bind: pass one"),
    "penalty: a class": (lambda: sc.Pursuit(Y, D, sc.L1), T, r"`penalty` must be .*got .*L1"),
    "objective: codes of another shape": (lambda: P.objective(Z[..., :9]), V, r"`codes` must have the shape of the codes \(2, 4, 20\); got \(2, 4, 9\)"),
    "objective: list": (lambda: P.objective([0.0]), T, r"`codes` must be an array"),
    # penalties
    "weight: negative": (lambda: sc.L1(-1.0), V, r"`weight` must be a number >= 0; got -1\.0: choose one in that range"),
    "weight: NaN": (lambda: sc.NonnegativeL1(float("nan")), V, r"`weight` must be a number >= 0; got nan"),
    "weight: NaN in an array": (lambda: sc.L1(np.array([1.0, np.nan])), V, r"`weight` must hold numbers >= 0; got nan: correct"),
    "weight: negative in an array": (lambda: sc.L0(np.array([1.0, -2.0])), V, r"`weight` must hold numbers >= 0; got -2: correct"),
    "weight: list": (lambda: sc.L1([1.0, 2.0]), T, r"`weight` must be a float or an array; got a list: use numpy.asarray"),
    "weight: None": (lambda: sc.L1(None), T, r"`weight` must be a number >= 0; got None: pass a number"),
    "weight: text": (lambda: sc.L1("0.1"), T, r"`weight` must be a number >= 0; got '0\.1': pass a number"),
    "weight: complex": (lambda: sc.L1(1j), T, r"`weight` must be a number >= 0; got 1j"),
    "weight: complex scalar": (lambda: sc.L1(np.complex128(1)), T, r"`weight` must be a number >= 0; got"),
    "weight: masked array": (lambda: sc.L1(np.ma.masked_array(np.ones(4), np.ones(4) > 2)), T, r"`weight` must be a plain array; got a MaskedArray"),
    "weight: integers": (lambda: sc.L1(np.array([1, 2])), V, r"`weight` must be float32 or float64; got int64: convert"),
    "weight: wrong count": (lambda: sc.Pursuit(Y, D, sc.L1(np.ones(3))), V, r"`weight` must be a float, hold one number for each of the 4 filters, or be broadcastable to the codes \(2, 4, 20\); got shape"),
    "weight: wrong shape": (lambda: sc.Pursuit(Y, D, sc.ElasticNet(np.ones((1, 4, 7)), 1.0)), V, r"`weight` must be .*; got shape \(1, 4, 7\): reshape"),
    "weight: empty": (lambda: sc.Pursuit(Y, D, sc.L1(np.ones(0))), V, r"`weight` must be .*; got shape"),
    "weight: foreign kind": (lambda: sc.L1(strict(np.ones(4))), T, r"got array_api_strict: convert"),
    "ridge: inf": (lambda: sc.ElasticNet(1.0, np.inf), V, r"`ridge` must be finite; got inf: use an infinite `weight`"),
    "ridge: inf in an array": (lambda: sc.ElasticNet(1.0, np.array([1.0, np.inf])), V, r"`ridge` must be finite; got inf"),
    "ridge: negative": (lambda: sc.ElasticNet(1.0, -0.5), V, r"`ridge` must be a number >= 0; got -0\.5"),
    "groups: negative axis": (lambda: sc.GroupL1(1.0, -1), V, r"`axis` must be an integer >= 0; got -1"),
    "groups: axis too large": (lambda: sc.Pursuit(Y, D, sc.GroupL1(1.0, 3)), V, r"`axis` must be smaller than the codes' 3 axes; got \(3,\): correct"),
    "groups: repeated axis": (lambda: sc.GroupL1(1.0, (1, 1)), V, r"`axis` must name at least one axis, each once; got \(1, 1\)"),
    "groups: no axis": (lambda: sc.GroupL1(1.0, ()), V, r"`axis` must name at least one axis"),
    "groups: float axis": (lambda: sc.GroupL1(1.0, 1.0), T, r"`axis` must be an integer >= 0; got 1\.0"),
    "groups: a weight inside a group": (lambda: sc.Pursuit(Y, D, sc.GroupL1(np.ones(4), 1)), V, r"`weight` must have size 1 along the group axes \(1,\); got shape \(1, 4, 1\): give one weight a group"),
    # certificates
    "lambda_max: no weight": (lambda: sc.lambda_max(P.with_penalty(sc.L1(0.0))), V, r"`lambda_max` needs a positive finite weight; got none: give"),
    "lambda_max: only infinite weights": (lambda: sc.lambda_max(P.with_penalty(sc.L1(np.inf))), V, r"`lambda_max` needs a positive finite weight"),
    "lambda_max: L0": (lambda: sc.lambda_max(P0), T, r"`penalty` must have a duality gap; got L0: use L1, or `kkt_residual`"),
    "gap: L0": (lambda: sc.duality_gap(P0, Z), T, r"`penalty` must have a duality gap; got L0: use L1, or `kkt_residual`"),
    "gap: not a problem": (lambda: sc.duality_gap(Y, Z), T, r"`problem` must be a Pursuit; got ndarray"),
    "dual point: L0": (lambda: sc.dual_point(P0, Z), T, r"must have a duality gap"),
    "radius: L0": (lambda: sc.gap_safe_radius(P0, Z), T, r"must have a duality gap"),
    "codes: shape": (lambda: sc.duality_gap(P, Z[:, :3]), V, r"`codes` must have the shape of the codes \(2, 4, 20\); got \(2, 3, 20\): codes of another signal"),
    "codes: rank": (lambda: sc.kkt_residual(P, Z[0]), V, r"`codes` must have axes \(2, 4, 20\); got shape \(4, 20\)"),
    "codes: NaN": (lambda: sc.duality_gap(P, broken(Z, np.nan)), V, r"`codes` must be finite; got 1 NaN"),
    "codes: other precision": (lambda: sc.kkt_residual(P, Z.astype(np.float32)), T, r"`signal` is numpy float64, `codes` is numpy float32"),
    "codes: list": (lambda: sc.duality_gap(P, [1.0]), T, r"`codes` must be an array"),
    # solve
    "solve: not a problem": (lambda: sc.solve(Y), T, r"`problem` must be a Pursuit; got ndarray"),
    "solve: a class": (lambda: sc.solve(sc.Pursuit), T, r"`problem` must be a Pursuit; got the class Pursuit: create an instance"),
    "solver: a class": (lambda: solve(P, sc.FISTA), T, r"`solver` must be an instance such as FISTA\(\), .*; got .*FISTA.*: create one"),
    "solver: text": (lambda: solve(P, "fista"), T, r"`solver` must be an instance .*; got 'fista'"),
    "tol: negative": (lambda: solve(tol=-1e-3), V, r"`tol` must be a number >= 0; got -0\.001"),
    "tol: NaN": (lambda: solve(tol=float("nan")), V, r"`tol` must be a number >= 0; got nan"),
    "tol: None": (lambda: solve(tol=None), T, r"`tol` must be a number >= 0; got None"),
    "tol: text": (lambda: solve(tol="1e-3"), T, r"`tol` must be a number >= 0; got '1e-3': pass a number"),
    "tol: an array": (lambda: solve(tol=np.ones(1)), T, r"`tol` must be a number >= 0; got array"),
    "max_iter: 0": (lambda: solve(max_iter=0), V, r"`max_iter` must be an integer >= 1; got 0"),
    "max_iter: float": (lambda: solve(max_iter=10.0), T, r"`max_iter` must be an integer >= 1; got 10\.0: pass an int"),
    "max_seconds: 0": (lambda: solve(max_seconds=0), V, r"`max_seconds` must be a number > 0; got 0"),
    "max_seconds: text": (lambda: solve(max_seconds="5"), T, r"`max_seconds` must be a number > 0; got '5': pass a number"),
    "check_every: 0": (lambda: solve(check_every=0), V, r"`check_every` must be an integer >= 1; got 0"),
    "callback: not callable": (lambda: solve(callback=3, tol=0.0), T, r"`callback` must be callable.*; got 3"),
    "start: shape": (lambda: solve(start=Z[:1]), V, r"`start` must have the shape of the codes \(2, 4, 20\); got \(1, 4, 20\)"),
    "start: NaN": (lambda: solve(start=broken(Z, np.nan)), V, r"`start` must be finite; got 1 NaN"),
    "start: other precision": (lambda: solve(start=Z.astype(np.float32)), T, r"`signal` is numpy float64, `start` is numpy float32"),
    "start: list": (lambda: solve(start=[0.0]), T, r"`start` must be an array"),
    # solvers
    "ISTA: step of 0": (lambda: sc.ISTA(step_size=0), V, r"`step_size` must be a number > 0; got 0"),
    "ISTA: infinite step": (lambda: sc.ISTA(step_size=np.inf), V, r"`step_size` must be .*; got inf"),
    "FISTA: step of text": (lambda: sc.FISTA(step_size="0.1"), T, r"`step_size` must be a number > 0; got '0\.1'"),
    "FISTA: a below 2": (lambda: sc.FISTA(a=1.5), V, r"`a` must be a number >= 2; got 1\.5"),
    "ADMM: rho of 0": (lambda: sc.ADMM(rho=0.0), V, r"`rho` must be a number > 0; got 0\.0"),
    "ADMM: infinite rho": (lambda: sc.ADMM(rho=np.inf), V, r"`rho` must be a number > 0 and finite; got inf: choose"),
    "ADMM: relaxation of 2": (lambda: sc.ADMM(relaxation=2.0), V, r"`relaxation` must be a number > 0 and <=? 2; got 2\.0"),
    "ADMM: product": (lambda: solve(sc.Pursuit(Y, sc.Product([D, sc.ConvDictionary(np.ones((2, 4, 2)))]), sc.L1(1.0)), sc.ADMM()), T, r"ADMM needs a dictionary with a solve in the frequency domain, .*; got Product: use FISTA"),
    "ADMM: identity": (lambda: solve(sc.Pursuit(Y, sc.Identity(), sc.L1(1.0)), sc.ADMM()), T, r"ADMM needs .*; got Identity: use FISTA"),
    "ADMM: concat with a border": (lambda: solve(sc.Pursuit(Y, sc.Concat([sc.Identity(), sc.ConvDictionary(F, padding="same")]), sc.L1(1.0)), sc.ADMM()), T, r"ADMM needs the parts of a Concat to be circular; got another border: use FISTA"),
    "OMP: L1": (lambda: omp(sc.L1(1.0), n_nonzero=2), T, r"OMP needs the penalty L0, .*; got L1: use L0\(weight\)"),
    "OMP: no rule": (omp, V, r"OMP needs a rule to stop; got none: give n_nonzero, residual or correlation, or an L0 weight > 0"),
    "OMP: an empty rule": (lambda: omp(residual=[]), V, r"`residual` must be .*; got"),
    "OMP: a start": (lambda: solve(P0, sc.OMP(n_nonzero=1), start=Z + 1), V, r"OMP must start at zero codes; got others: leave out `start`"),
    "OMP: count of 0": (lambda: sc.OMP(n_nonzero=0), V, r"`n_nonzero` must be an integer >= 1; got 0"),
    "OMP: float count": (lambda: sc.OMP(n_nonzero=2.5), T, r"`n_nonzero` must be an integer >= 1; got 2\.5"),
    "OMP: negative residual": (lambda: sc.OMP(residual=-1.0), V, r"`residual` must be a number >= 0; got -1\.0"),
    "OMP: NaN correlation": (lambda: sc.OMP(correlation=[0.1, float("nan")]), V, r"`correlation` must be a number >= 0; got nan"),
    "OMP: one count too few": (lambda: omp(n_nonzero=[1, 2]), V, r"`n_nonzero` must be one number or one for each of the 3 signals; got 2: match"),
    # path
    "path: empty": (lambda: sc.path(P, []), V, r"`weights` must hold at least one number; got none: pass"),
    "path: negative": (lambda: sc.path(P, [1.0, -1.0]), V, r"`weights` must be a number > 0.*; got -1\.0"),
    "path: infinite": (lambda: sc.path(P, [np.inf]), V, r"`weights` must be a number > 0.*; got inf"),
    "path: one number": (lambda: sc.path(P, 1.0), T, r"`weights` must be a sequence of numbers; got 1\.0"),
    "path: no weight to vary": (lambda: sc.path(P.with_penalty(sc.L1(0.0)), [1.0]), V, r"`penalty` must have a positive finite weight for a path; got none"),
    # encode
    "encode: no weight": (lambda: sc.encode(Y[0, 0], F), T, r"give exactly one of `weight` and `weight_ratio`; got neither"),
    "encode: both weights": (lambda: sc.encode(Y[0, 0], F, 1.0, weight_ratio=0.1), T, r"exactly one of .*; got both"),
    "encode: ratio above 1": (lambda: sc.encode(Y[0, 0], F, weight_ratio=1.5), V, r"`weight_ratio` must be a number > 0 and <= 1; got 1\.5: choose"),
    "encode: ratio of 0": (lambda: sc.encode(Y[0, 0], F, weight_ratio=0.0), V, r"`weight_ratio` must be a number > 0 and <= 1; got 0\.0"),
    "encode: ratio for L0": (lambda: sc.encode(Y[0, 0], F, weight_ratio=0.1, penalty=sc.L0), T, r"must have a duality gap; got L0"),
    "encode: layout": (lambda: sc.encode(np.ones((9, 9, 4)), F2, 1.0), V, r"`signal` must have 2 spatial axes and 3 channels to match `filters`, with an optional batch axis in front; got shape \(9, 9, 4\): see the table"),
    "encode: number": (lambda: sc.encode(np.float64(3.0), F, 1.0), V, r"`signal` must have axes .*; got shape \(\)"),
    "encode: list": (lambda: sc.encode([1.0, 2.0], F, 1.0), T, r"`signal` must be an array .*; got list"),
    "encode: integers": (lambda: sc.encode(np.arange(20), F, 1.0), V, r"`signal` must be float32 or float64; got int64"),
    "encode: mask shape": (lambda: sc.encode(Y[0, 0], F, 1.0, mask=np.ones(19)), V, r"`mask` must have the shape of `signal` \(20,\); got \(19,\): reshape"),
    "encode: identities only": (lambda: sc.encode(Y[0, 0], sc.Identity(), 1.0), V, r"`filters` must fix the number of axes and channels; got only identities"),
    "encode: penalty that makes none": (lambda: sc.encode(Y[0, 0], F, 1.0, penalty=3), T, r"`penalty` must be callable.*; got 3"),
    # shipped data
    "image: unknown name": (lambda: sc.load_image("lena"), V, r"`name` must be a shipped image, one of 'camera', 'chelsea', 'coffee'; got 'lena'"),
    "recording: unknown name": (lambda: sc.load_recording("camera"), V, r"`name` must be a shipped recording, one of 'snare_roll'; got 'camera'"),
}  # fmt: skip


def check_message(call, kind, pattern):
    """The call raises `kind` with one line that matches the pattern."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    message = str(caught.value)
    assert "\n" not in message
    assert re.search(pattern, message), message
    assert len(message) <= 300
    assert message.endswith(".")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_misuse_is_answered_by_one_line_that_says_what_to_do(row):
    check_message(*row)


def test_the_table_is_long_enough():
    assert len(ROWS) >= 30


def test_bad_input_leaves_no_trace():
    # a refused call changes nothing that a later one sees
    for key in ("signal: NaN", "solver: a class", "tol: negative", "codes: shape"):
        check_message(*ROWS[key])
    assert solve(max_iter=200).status is sc.Status.CONVERGED


def bad(error):
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: None, ValueError),
        (bad(TypeError("`x` must be 1; got 2: pass 1.")), ValueError),
        (bad(ValueError("`x` must be 1;\ngot 2: pass 1.")), ValueError),
        (bad(ValueError("operands could not be broadcast together")), ValueError),
        (bad(np.linalg.LinAlgError("`x` must be 1; got 2: pass 1.")), ValueError),
    ],
)
def test_the_checker_catches_a_missing_a_wrong_and_a_long_message(call, kind):
    check_message(
        bad(ValueError("`x` must be 1; got 2: pass 1.")), ValueError, "`x` must be 1; got 2"
    )
    with pytest.raises((AssertionError, TypeError, pytest.fail.Exception)):
        check_message(call, kind, "`x` must be 1")
