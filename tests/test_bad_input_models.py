# ruff: noqa: E501 (one row, one line)
"""Misuse of models and of their solvers is answered by one line that says what to do."""

import numpy as np
import pytest
from test_bad_input import bad, broken, check_message

import sparsecsc as sc

RNG = np.random.default_rng(0)


def f(*shape):
    return RNG.standard_normal(shape)


def single(dictionary):
    return sc.ConvDictionary(dictionary.filters.astype(np.float32))


FIRST, SECOND = sc.ConvDictionary(f(3, 1, 5)), sc.ConvDictionary(f(4, 3, 3))
SAME = sc.ConvDictionary(f(3, 3, 3))  # as many filters as channels
OTHER = sc.ConvDictionary(f(4, 2, 3))
MODEL = sc.MLCSC([FIRST, SECOND])
Y, Y3 = f(2, 1, 20), f(2, 3, 20)
L1S = [sc.L1(0.1), sc.L1(0.1)]
L0S = [sc.L0(0.1), sc.L0(0.1)]
BANKS = [f(2, 1, 3), f(2, 3, 3)]
SINGLE = sc.Pursuit(Y, FIRST, sc.L1(0.1))


def make(signal=Y, model=MODEL, penalties=L1S):
    return sc.MultilayerPursuit(signal, model, penalties)


P = make()
Z = tuple(np.zeros(shape) for shape in P.shapes[1:])


def residual(**options):
    return sc.ResCSC([SAME, SAME], **options)


def dense(banks=BANKS, **options):
    return sc.MSDCSC(banks, **options)


def solve(solver=None, problem=P, **options):
    return sc.solve(problem, solver, **{"max_iter": 2, **options})


V, T = ValueError, TypeError
ONE_LAYER = r"(needs a MultilayerPursuit|one layer)"
ROWS = {
    # layers
    "layers: none": (lambda: sc.MLCSC([]), V, r"`dictionaries` must hold at least one entry; got none: add one"),
    "layers: none, residual": (lambda: sc.ResCSC([]), V, r"`dictionaries` must hold at least one entry"),
    "layers: one, not in a list": (lambda: sc.MLCSC(FIRST), T, r"`dictionaries` must be a sequence of dictionaries; got ConvDictionary: pass a list"),
    "layers: text": (lambda: sc.MLCSC("ab"), T, r"`dictionaries` must be a sequence of dictionaries; got str"),
    "layers: None": (lambda: sc.MLCSC(None), T, r"`dictionaries` must be a sequence .*; got NoneType"),
    "layers: an array": (lambda: sc.MLCSC(f(3, 1, 5)), T, r"`dictionaries` must be a sequence .*; got ndarray"),
    "layers: arrays": (lambda: sc.MLCSC([FIRST, f(4, 3, 3)]), T, r"layer 2 must be a Dictionary; got ndarray: pass a ConvDictionary\(filters\)"),
    "layers: a class": (lambda: sc.ResCSC([sc.ConvDictionary]), T, r"layer 1 must be a Dictionary; got the class ConvDictionary: pass"),
    "layers: None among them": (lambda: sc.MLCSC([FIRST, None]), T, r"layer 2 must be a Dictionary; got NoneType"),
    "channels do not chain": (lambda: sc.MLCSC([FIRST, OTHER]), V, r"layer 2 must have 3 channels, one for each filter of layer 1; got 2: match"),
    "channels do not chain: the third": (lambda: sc.MLCSC([FIRST, SAME, OTHER]), V, r"layer 3 must have 3 channels, one for each filter of layer 2; got 2"),
    "channels do not chain: residual": (lambda: sc.ResCSC([FIRST, OTHER]), V, r"layer 2 must have 3 channels"),
    "channels do not chain: dense": (lambda: dense([f(2, 1, 3), f(2, 2, 3)]), V, r"layer 2 must have 3 channels, .*; got 2"),
    "channels: not the signal's": (lambda: make(model=sc.MLCSC([SECOND]), penalties=L1S[:1]), V, r"layer 1: `signal` must have 1 spatial axes and 3 channels .*; got shape \(2, 1, 20\)"),
    "axes differ by layer": (lambda: make(model=sc.MLCSC([FIRST, sc.ConvDictionary(f(4, 3, 3, 3))])), V, r"layer 2: `signal` must have 2 spatial axes and 3 channels"),
    "spatial: too small for a circle": (lambda: make(model=sc.MLCSC([sc.ConvDictionary(f(3, 1, 5), stride=4), sc.ConvDictionary(f(4, 3, 7))])), V, r"layer 2: `signal` must have at least 7 samples .*; got 5"),
    "spatial: too small without a border": (lambda: make(model=sc.MLCSC([sc.ConvDictionary(f(3, 1, 5), stride=5, padding="valid"), sc.ConvDictionary(f(4, 3, 7), padding="valid")])), V, r"layer 2: `signal` must have at least 7 samples .*'valid'; got 4"),
    "spatial: a stride that does not divide": (lambda: make(model=sc.MLCSC([FIRST, sc.ConvDictionary(f(4, 3, 3), stride=3)])), V, r"layer 2: `signal` must be a multiple of the stride 3 .*; got 20"),
    "shapes of too few axes": (lambda: sc.layer_shapes(MODEL, (1, 20)), V, r"layer 1: `signal` must have 1 spatial axes and 1 channels .*; got shape \(1, 20\)"),
    "shapes of a dictionary": (lambda: sc.layer_shapes(FIRST, (1, 1, 20)), T, r"`model` must be a model such as MLCSC\(dictionaries\); got ConvDictionary: create one"),
    "norms of a size too small": (lambda: sc.layer_lipschitz(MODEL, (1, 1, 2)), V, r"layer 1: `signal` must have at least 5 samples"),
    "norms of a class": (lambda: sc.layer_lipschitz(sc.MLCSC, (1, 1, 20)), T, r"`model` must be a model .*; got the class MLCSC"),
    "effective: reversed": (lambda: sc.effective(MODEL, 2, 1), V, r"`first` and `last` must be layers with 1 <= first <= last <= 2; got 2 and 1: choose"),
    "effective: from 0": (lambda: sc.effective(MODEL, 0), V, r"`first` must be an integer >= 1; got 0"),
    "effective: one too many": (lambda: sc.effective(MODEL, 1, 3), V, r"1 <= first <= last <= 2; got 1 and 3"),
    "effective: a float": (lambda: sc.effective(MODEL, 1.5), T, r"`first` must be an integer >= 1; got 1\.5"),
    "effective: a list": (lambda: sc.effective([FIRST, SECOND]), T, r"`model` must be a model .*; got list"),
    # residual models
    "shortcut: the identity does not fit": (lambda: make(model=sc.ResCSC([FIRST, SAME])), V, r"layer 2 must start at codes of shape \(2, 3, 20\); got \(2, 1, 20\) from signal: give a shortcut"),
    "shortcut: other filters": (lambda: make(Y3, residual(shortcut=SECOND)), V, r"layer 2 must start at codes of shape \(2, 3, 20\); got \(2, 4, 20\) from its shortcut"),
    "shortcut: other size": (lambda: make(Y3, residual(shortcut=sc.ConvDictionary(f(3, 3, 3), padding="valid"))), V, r"layer 2 must start .*; got \(2, 3, 18\) from its shortcut"),
    "shortcut: other channels": (lambda: make(Y3, residual(shortcut=FIRST)), V, r"the shortcut of layer 2: `signal` must have 1 spatial axes and 1 channels"),
    "shortcut: the codes of a layer do not fit": (lambda: make(model=sc.ResCSC([FIRST, SECOND], starts=[None, 1])), V, r"layer 2 must start at codes of shape \(2, 4, 20\); got \(2, 3, 20\) from layer 1"),
    "shortcut: an array": (lambda: residual(shortcut=f(3, 3, 1)), T, r"`shortcut` must be a Dictionary, or one entry a layer; got ndarray: pass a ConvDictionary\(filters\) or None"),
    "shortcut: a class": (lambda: residual(shortcut=sc.Identity), T, r"`shortcut` must be a Dictionary, .*; got the class Identity"),
    "shortcut: text": (lambda: residual(shortcut="identity"), T, r"`shortcut` must be a Dictionary, .*; got str"),
    "shortcut: one too few": (lambda: residual(shortcut=[None]), V, r"`shortcut` must have one entry for each of the 2 layers; got 1: match"),
    "shortcut: a number among them": (lambda: residual(shortcut=[None, 3]), T, r"`shortcut` must be .*; got int"),
    "shortcut: other precision": (lambda: solve(sc.LayeredThresholding(), make(Y3.astype(np.float32), sc.ResCSC([single(SAME), single(SAME)], shortcut=SAME))), T, r"arrays must have one kind and one dtype; got .*float32.*float64"),
    "damping: negative": (lambda: residual(damping=-1.0), V, r"`damping` must be a number >= 0; got -1\.0"),
    "damping: NaN": (lambda: residual(damping=float("nan")), V, r"`damping` must be a number >= 0.*; got nan"),
    "damping: infinite": (lambda: residual(damping=np.inf), V, r"`damping` must be a number >= 0 and finite; got inf"),
    "damping: another text": (lambda: residual(damping="full"), V, r"""`damping` must be "step" or a number >= 0; got 'full': choose"""),
    "damping: None": (lambda: residual(damping=None), T, r"`damping` must be a number >= 0; got None"),
    "block length: 0": (lambda: residual(block_length=0), V, r"`block_length` must be an integer >= 1; got 0"),
    "block length: a float": (lambda: residual(block_length=1.5), T, r"`block_length` must be an integer >= 1; got 1\.5"),
    "starts: one too few": (lambda: residual(starts=[None]), V, r"`starts` must have one entry for each of the 2 layers; got 1"),
    "starts: at itself": (lambda: residual(starts=[None, 2]), V, r"`starts`: layer 2 must start at an earlier one, 0 to 1; got 2: choose"),
    "starts: at a later one": (lambda: residual(starts=[1, None]), V, r"`starts`: layer 1 must start at an earlier one, 0 to 0; got 1"),
    "starts: negative": (lambda: residual(starts=[None, -1]), V, r"`starts` must be an integer >= 0; got -1"),
    "starts: a float": (lambda: residual(starts=[None, 0.0]), T, r"`starts` must be an integer >= 0; got 0\.0"),
    "starts: one number": (lambda: residual(starts=0), T, r"`starts` must be a sequence of ints and None; got 0: put it into a list"),
    "starts: text": (lambda: residual(starts="01"), T, r"`starts` must be a sequence of ints and None; got '01'"),
    # dense models
    "banks: none": (lambda: sc.MSDCSC([]), V, r"`filter_banks` must hold at least one entry; got none: add one"),
    "banks: one array": (lambda: sc.MSDCSC(BANKS[0]), T, r"`filter_banks` must be a sequence of arrays; got ndarray: pass a list"),
    "banks: dictionaries": (lambda: dense([FIRST]), T, r"layer 1: `filters` must be an array .*; got ConvDictionary"),
    "banks: integers": (lambda: dense([np.ones((2, 1, 3), int)]), V, r"layer 1: `filters` must be float32 or float64; got int64"),
    "banks: NaN": (lambda: dense([BANKS[0], broken(BANKS[1], np.nan)]), V, r"layer 2: `filters` must be finite; got 1 NaN"),
    "banks: other precision": (lambda: make(model=dense([BANKS[0], BANKS[1].astype(np.float32)])), T, r"arrays must have one kind and one dtype; got `signal` is numpy float64, `filters` is numpy float32"),
    "dilations: one too many": (lambda: dense(dilations=[1, 2, 3]), V, r"`dilations` must have one entry for each of the 2 filter banks; got 3: match"),
    "dilations: one number": (lambda: dense(dilations=3), T, r"`dilations` must be a sequence of ints; got int"),
    "dilations: 0": (lambda: dense(dilations=[1, 0]), V, r"layer 2: `dilation` must be an integer >= 1; got 0"),
    "dilations: a float": (lambda: dense(dilations=[1.5, 1]), T, r"layer 1: `dilation` must be an integer >= 1; got 1\.5"),
    "dilations: larger than the signal": (lambda: make(model=dense(dilations=[1, 20])), V, r"layer 2: `signal` must have at least 21 samples .* dilation 20 .*; got 20"),
    "dilation: larger than the signal, with a border": (lambda: make(model=sc.MLCSC([FIRST, sc.ConvDictionary(f(4, 3, 3), dilation=10, padding="valid")])), V, r"layer 2: `signal` must have at least 21 samples .*'valid'; got 20"),
    "padding: unknown": (lambda: dense(padding="reflect"), V, r"layer 1: `padding` must be one of .*; got 'reflect'"),
    "padding: one too few": (lambda: dense(padding=["same"]), V, r"`padding` must have one entry for each of the 2 filter banks; got 1"),
    "padding: changes the size": (lambda: make(model=dense(padding="valid")), V, r"layer 1: `dictionaries` must have codes of one spatial size; got \(20,\) .* and \(18,\)"),
    # problems
    "model: a class": (lambda: make(model=sc.MLCSC), T, r"`model` must be a model such as MLCSC\(dictionaries\); got the class MLCSC: create one"),
    "model: a list": (lambda: make(model=[FIRST, SECOND]), T, r"`model` must be a model .*; got list"),
    "model: a dictionary": (lambda: make(model=FIRST), T, r"`model` must be a model .*; got ConvDictionary"),
    "model: None": (lambda: make(model=None), T, r"`model` must be a model .*; got NoneType"),
    "signal: NaN": (lambda: make(broken(Y, np.nan)), V, r"`signal` must be finite; got 1 NaN or infinite values"),
    "signal: integers": (lambda: make(np.ones((1, 1, 20), int)), V, r"`signal` must be float32 or float64; got int64"),
    "signal: complex": (lambda: make(np.ones((1, 1, 20), complex)), V, r"`signal` must be float32 or float64; got complex128: pass the real"),
    "signal: rank 2": (lambda: make(Y[0]), V, r"`signal` must have axes .*; got shape \(1, 20\)"),
    "signal: list": (lambda: make([[[1.0]]]), T, r"`signal` must be an array .*; got list"),
    "signal: empty": (lambda: make(Y[:0]), V, r"`signal` must not be empty; got shape \(0, 1, 20\)"),
    "signal: other precision": (lambda: make(Y.astype(np.float32)), T, r"one kind and one dtype; got `signal` is numpy float32, `filters` is numpy float64"),
    "layers of two precisions": (lambda: make(model=sc.MLCSC([FIRST, single(SECOND)])), T, r"one kind and one dtype; got `signal` is numpy float64, `filters` is numpy float32"),
    "penalties: one too few": (lambda: make(penalties=L1S[:1]), V, r"`penalties` must have one entry for each of the 2 layers; got 1: match"),
    "penalties: one too many": (lambda: make(penalties=[*L1S, sc.L1(1.0)]), V, r"`penalties` must have one entry for each of the 2 layers; got 3"),
    "penalties: none": (lambda: make(penalties=[]), V, r"`penalties` must hold at least one entry; got none"),
    "penalties: one, not in a list": (lambda: make(penalties=sc.L1(0.1)), T, r"`penalties` must be a sequence of penalties; got L1: pass a list"),
    "penalties: numbers": (lambda: make(penalties=[0.1, 0.1]), T, r"`penalties\[0\]` must be a Penalty; got float"),
    "penalties: an array": (lambda: make(penalties=np.ones(2)), T, r"`penalties` must be a sequence of penalties; got ndarray"),
    "penalties: a class": (lambda: make(penalties=[sc.L1(0.1), sc.L1]), T, r"`penalties\[1\]` must be a Penalty; got the class L1"),
    "weight: of another layer": (lambda: make(penalties=[sc.L1(0.1), sc.L1(np.ones(3))]), V, r"layer 2: `weight` must be a float, hold one number for each of the 4 filters, .*; got shape"),
    "weight: of the first layer": (lambda: make(penalties=[sc.L1(np.ones(4)), sc.L1(0.1)]), V, r"layer 1: `weight` must be .* each of the 3 filters"),
    "weight: inside a group": (lambda: make(penalties=[sc.L1(0.1), sc.GroupL1(np.ones(4), 1)]), V, r"layer 2: `weight` must have size 1 along the group axes"),
    "groups: axis too large": (lambda: make(penalties=[sc.GroupL1(1.0, 5), sc.L1(0.1)]), V, r"layer 1: `axis` must be smaller than the codes' 3 axes"),
    "objective: another layer's codes": (lambda: P.objective(Z[:1]), V, r"`codes` must have the shape of the codes of layer 2, \(2, 4, 20\); got \(2, 3, 20\)"),
    # solvers of another kind of problem
    **{
        f"{solver!r} on several layers": (lambda solver=solver: solve(solver), T, ONE_LAYER)
        for solver in (sc.ISTA(), sc.FISTA(), sc.ADMM(), sc.OMP(n_nonzero=1))
    },
    **{
        f"{solver!r} on one layer": (lambda solver=solver: solve(solver, SINGLE), T, ONE_LAYER)
        for solver in (sc.LayeredThresholding(), sc.LayeredBasisPursuit(), sc.MLISTA(), sc.MLFISTA(), sc.MLADMM(), sc.ProjectionPursuit())
    },
    "solver: a class": (lambda: solve(sc.MLISTA), T, r"`solver` must be an instance .*; got .*MLISTA"),
    "penalty of one layer: lambda_max": (lambda: sc.lambda_max(P), T, r"`problem` must be a Pursuit.*; got MultilayerPursuit"),
    "penalty of one layer: path": (lambda: sc.path(P, [1.0]), T, r"`problem` must be a Pursuit.*; got MultilayerPursuit"),
    # steps and counts
    "step: 0": (lambda: sc.LayeredThresholding(step=0), V, r"`step` must be a number > 0.*; got 0"),
    "step: text": (lambda: sc.LayeredThresholding(step="1"), T, r"`step` must be a number > 0; got '1'"),
    "step: infinite": (lambda: sc.LayeredThresholding(step=np.inf), V, r"`step` must be a number > 0 and finite; got inf"),
    "step: an array": (lambda: sc.LayeredThresholding(step=np.ones(2)), T, r"`step` must be a number > 0; got array"),
    "step: one too many": (lambda: solve(sc.LayeredThresholding(step=(1.0, 1.0, 1.0))), V, r"`step` must be one number or one for each of the 2 layers; got 3: match"),
    "step: none of them": (lambda: solve(sc.LayeredThresholding(step=())), V, r"`step` must be one number or one for each of the 2 layers; got 0"),
    "MLISTA: NaN step": (lambda: sc.MLISTA(step_size=float("nan")), V, r"`step(_size)?` must be a number > 0.*; got nan"),
    "MLISTA: infinite step": (lambda: sc.MLISTA(step_size=[0.1, np.inf]), V, r"`step(_size)?` must be a number > 0 and finite; got inf"),
    "MLFISTA: negative step": (lambda: sc.MLFISTA(step_size=[0.1, -1.0]), V, r"`step(_size)?` must be a number > 0.*; got -1\.0"),
    "MLISTA: one step too few": (lambda: solve(sc.MLISTA(step_size=[0.1])), V, r"`step_size` must be one number or one for each of the 2 layers; got 1"),
    "unfoldings: 0": (lambda: sc.MLISTA(unfoldings=0), V, r"`unfoldings` must be an integer >= 1; got 0"),
    "unfoldings: a float": (lambda: sc.MLFISTA(unfoldings=[1, 1.5]), T, r"`unfoldings` must be an integer >= 1; got 1\.5"),
    "unfoldings: one too many": (lambda: solve(sc.MLISTA(unfoldings=(1, 2, 3))), V, r"`unfoldings` must be one number or one for each of the 2 layers; got 3"),
    "stationary: negative": (lambda: sc.MLISTA(stationary=-1.0), V, r"`stationary` must be a number >= 0; got -1\.0"),
    "n_iter: 0": (lambda: sc.LayeredBasisPursuit(n_iter=0), V, r"`n_iter` must be an integer >= 1; got 0"),
    "n_iter: a float": (lambda: sc.LayeredBasisPursuit(n_iter=(2, 2.5)), T, r"`n_iter` must be an integer >= 1; got 2\.5"),
    "n_iter: one too few": (lambda: solve(sc.LayeredBasisPursuit(n_iter=(1,))), V, r"`n_iter` must be one number or one for each of the 2 layers; got 1"),
    "inner tol: negative": (lambda: sc.LayeredBasisPursuit(tol=-1.0), V, r"`tol` must be a number >= 0; got -1\.0"),
    "inner tol: None": (lambda: sc.LayeredBasisPursuit(tol=None), T, r"`tol` must be a number >= 0; got None"),
    "inner tol: one too many": (lambda: solve(sc.LayeredBasisPursuit(tol=[0.1] * 3)), V, r"`tol` must be one number or one for each of the 2 layers; got 3"),
    "inner check_every: 0": (lambda: sc.LayeredBasisPursuit(check_every=0), V, r"`check_every` must be an integer >= 1; got 0"),
    "inner: a class": (lambda: sc.LayeredBasisPursuit(sc.FISTA), T, r"`inner` must be a single-layer solver such as FISTA\(\); got .*FISTA.*: create one"),
    "inner: text": (lambda: sc.ProjectionPursuit("fista"), T, r"`inner` must be a single-layer solver .*; got 'fista'"),
    "inner: of several layers": (lambda: sc.LayeredBasisPursuit(sc.MLISTA()), T, r"`inner` must be a single-layer solver .*; got MLISTA"),
    "inner: of several layers, projected": (lambda: sc.ProjectionPursuit(sc.MLADMM()), T, r"`inner` must be a single-layer solver .*; got MLADMM"),
    "inner: OMP without L0": (lambda: solve(sc.LayeredBasisPursuit(sc.OMP(n_nonzero=1))), T, r"OMP needs the penalty L0, .*; got L1"),
    "inner: ADMM on a product": (lambda: solve(sc.ProjectionPursuit(sc.ADMM())), T, r"ADMM needs a dictionary .*; got Product"),
    "MLADMM: rho of 0": (lambda: sc.MLADMM(rho=0.0), V, r"`rho` must be a number > 0.*; got 0\.0"),
    "MLADMM: rho of text": (lambda: sc.MLADMM(rho="1"), T, r"`rho` must be a number > 0; got '1'"),
    "MLADMM: relaxation of 2": (lambda: sc.MLADMM(relaxation=2.0), V, r"`relaxation` must be a number > 0 and <=? 2; got 2\.0"),
    "MLADMM: relaxation of 0": (lambda: sc.MLADMM(relaxation=0.0), V, r"`relaxation` must be a number > 0 .*; got 0\.0"),
    # starts
    "start: a list": (lambda: solve(start=list(Z)), T, r"`start` must be a tuple with the codes of each of the 2 layers; got list: pass"),
    "start: an array": (lambda: solve(start=Z[1]), T, r"`start` must be a tuple .*; got ndarray"),
    "start: one layer only": (lambda: solve(start=Z[:1]), T, r"`start` must be a tuple .* each of the 2 layers; got 1 entr"),
    "start: reversed": (lambda: solve(start=Z[::-1]), V, r"`start\[0\]` must have the shape of the codes of layer 1, \(2, 3, 20\); got \(2, 4, 20\)"),
    "start: other precision": (lambda: solve(start=(Z[0], Z[1].astype(np.float32))), T, r"`signal` is numpy float64, `start\[1\]` is numpy float32"),
    "start: NaN": (lambda: solve(start=(broken(Z[0], np.nan), Z[1])), V, r"`start\[0\]` must be finite; got 1 NaN"),
    "start: a list inside": (lambda: solve(start=(Z[0], [1.0])), T, r"`start\[1\]` must be an array .*; got list"),
    "start: LayeredThresholding": (lambda: solve(sc.LayeredThresholding(), start=(Z[0] + 1, Z[1])), V, r"LayeredThresholding must start at zero codes; got others: leave out `start`"),
    "start: OMP": (lambda: solve(sc.LayeredBasisPursuit(sc.OMP(n_nonzero=1)), make(penalties=L0S), start=(Z[0] + 1, Z[1])), V, r"OMP must start at zero codes; got others"),
    # deep pursuit and normalisation
    "deep: L0": (lambda: sc.deep_pursuit(Y, MODEL, [sc.L1(0.1), sc.L0(0.1)]), T, r"the penalty of layer 2 must be convex with a duality gap; got L0: use for example L1"),
    "deep: one penalty too few": (lambda: sc.deep_pursuit(Y, MODEL, L1S[:1]), V, r"`penalties` must have one entry for each of the 2 layers; got 1"),
    "deep: a dictionary": (lambda: sc.deep_pursuit(Y, FIRST, L1S), T, r"`model` must be a model .*; got ConvDictionary"),
    "deep: a class": (lambda: sc.deep_pursuit(Y, sc.MLCSC, L1S), T, r"`model` must be a model .*; got the class MLCSC"),
    "deep: other precision": (lambda: sc.deep_pursuit(Y.astype(np.float32), MODEL, L1S), T, r"one kind and one dtype"),
    "normalise: residual": (lambda: sc.normalize_atoms(residual(), L1S), T, r"`model` must be an MLCSC of ConvDictionary layers; got another"),
    "normalise: groups": (lambda: sc.normalize_atoms(MODEL, [sc.GroupL1(0.1, 1), sc.L1(0.1)]), T, r"the penalty of layer 1 must be L1, .* to be scaled; got GroupL1"),
    "normalise: one penalty too few": (lambda: sc.normalize_atoms(MODEL, L1S[:1]), V, r"`penalties` must have one entry for each of the 2 layers; got 1"),
    "normalise: channels": (lambda: sc.normalize_spectra(MODEL, L1S, (1, 2, 20)), V, r"layer 1: `signal` must have 1 spatial axes and 1 channels"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_misuse_of_models_is_answered_by_one_line_that_says_what_to_do(row):
    check_message(*row)


def test_the_same_calls_without_the_mistake_are_answered():
    """So that no row passes for another reason than the one it names."""
    assert solve(max_iter=5000).status is sc.Status.CONVERGED
    for problem in (
        make(Y3, residual(shortcut=SAME)),
        make(Y3, residual(starts=[0, 1], damping=0.5)),
        make(model=dense(dilations=[1, 19])),
    ):
        for solver in (sc.LayeredThresholding(step=(1.0, 0.5)), sc.MLISTA(unfoldings=(1, 2))):
            codes = solve(solver, problem).codes
            assert [z.shape for z in codes] == list(problem.shapes[1:])
    assert solve(start=Z).n_iter == 2
    assert solve(sc.LayeredThresholding(), start=Z).n_iter == 1
    assert sc.solve(sc.deep_pursuit(Y, MODEL, L1S), max_iter=2).n_iter <= 2


def test_a_refused_model_leaves_no_trace():
    before = [d.filters.copy() for d in MODEL.dictionaries]
    for key in ("start: NaN", "weight: of another layer", "step: one too many"):
        check_message(*ROWS[key])
    for d, filters in zip(MODEL.dictionaries, before, strict=True):
        np.testing.assert_array_equal(d.filters, filters)


@pytest.mark.parametrize(
    "call",
    [
        lambda: None,
        bad(ValueError("operands could not be broadcast together with shapes (3,) (4,)")),
        bad(TypeError("object of type 'int' has no len()")),
        bad(AttributeError("`model` must be a model; got list: create one.")),
    ],
)
def test_the_check_refuses_what_is_no_message_of_ours(call):
    with pytest.raises((AssertionError, AttributeError, ValueError, pytest.fail.Exception)):
        check_message(call, TypeError, r"`model` must be a model")
