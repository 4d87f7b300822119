"""Learning: filters and codes that fit signals, in turn, the objective never rising."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sparsecsc.checks import check_callable, check_count, check_number
from sparsecsc.codes import SparseCodes
from sparsecsc.dictionaries.convolution import ConvDictionary
from sparsecsc.learning._quadratics import make_quadratic
from sparsecsc.learning.constraint import UnitBall
from sparsecsc.learning.result import LearnResult
from sparsecsc.learning.starts import like, reseed
from sparsecsc.learning.update import improve, point_at
from sparsecsc.optimality import weight_level
from sparsecsc.penalties.l1 import L1
from sparsecsc.problems import Pursuit
from sparsecsc.protocols import Array
from sparsecsc.result import History, Status
from sparsecsc.solve import default_solver, solve

FIRST_TOL = 0.1
"""Relative gap of the first codes: filters that change much are not worth exact ones."""
SWEEPS = 3
"""Iterations of the pursuit in a round, from the second on."""
STEPS = 50
"""Most steps of an update of the filters."""


@dataclass
class Round:
    """What is known after the pursuit of a round."""

    problem: Pursuit
    codes: SparseCodes
    objective: float
    gap: float
    filter_gap: float = math.inf


def learn(signal, filters, penalty, *, mask=None, padding="circular", constraint=UnitBall(), start=None, solver=None, tol=1e-3, max_iter=100, max_seconds=math.inf, callback=None, progress=False):
    dictionary = filters if hasattr(filters, "bind") else ConvDictionary(filters, padding=padding)
    penalty = L1(penalty) if not hasattr(penalty,"prox") else penalty
    began=time.perf_counter()
    d = constraint.project(dictionary.filters.astype(np.float64)).astype(signal.dtype)
    codes=start
    rows=[]
    prev=math.inf
    reseeded=[]
    for k in range(max_iter):
        problem=Pursuit(signal, like(dictionary,d), penalty, mask)
        t0=time.perf_counter()
        r = solve(problem, solver, start=codes, tol=max(tol,FIRST_TOL) if codes is None else tol, max_iter=100 if codes is None else SWEEPS, check_every=None if codes is None else SWEEPS)
        codes=r.sparse_codes
        t1=time.perf_counter()
        q=make_quadratic(problem,codes)
        pt=point_at(q,d)
        fg=pt.gap(q,constraint)/r.objective
        t2=time.perf_counter()
        new=improve(q,constraint,pt,gap=0.1*fg*r.objective,max_iter=STEPS)
        t3=time.perf_counter()
        d=new.filters.astype(signal.dtype)
        for m,f in reseed(problem,codes,constraint,weight_level(penalty)).items():
            d[m]=f; reseeded.append((k,m))
        rows.append((k,time.perf_counter()-began,r.objective,r.relative_gap,fg))
        if callback: callback((rows[-1], r.history.objectives[0], r.n_iter, t1-t0,t2-t1,t3-t2, new.gap(q,constraint)/r.objective, r.sparse_codes.nnz, len(reseeded)))
    return d,codes,rows
