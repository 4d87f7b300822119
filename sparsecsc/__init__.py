"""Convolutional sparse pursuit: sparse codes of signals, with certificates."""

from typing import Any

from sparsecsc._solve_books import Check as Check
from sparsecsc.applications.features import layered_features as layered_features
from sparsecsc.applications.features import pool_codes as pool_codes
from sparsecsc.backends import backend_of as backend_of
from sparsecsc.codes import SparseCodes as SparseCodes
from sparsecsc.data import load_image as load_image
from sparsecsc.data import load_recording as load_recording
from sparsecsc.dictionaries.analytic import dct_filters as dct_filters
from sparsecsc.dictionaries.analytic import gabor_filters as gabor_filters
from sparsecsc.dictionaries.analytic import haar_filters as haar_filters
from sparsecsc.dictionaries.concat import Concat as Concat
from sparsecsc.dictionaries.convolution import ConvDictionary as ConvDictionary
from sparsecsc.dictionaries.identity import Identity as Identity
from sparsecsc.dictionaries.incoherent import dirac_barker_filters as dirac_barker_filters
from sparsecsc.dictionaries.incoherent import dirac_msequence_filters as dirac_msequence_filters
from sparsecsc.dictionaries.incoherent import haar_pair as haar_pair
from sparsecsc.dictionaries.incoherent import parseval_filters as parseval_filters
from sparsecsc.dictionaries.incoherent import sidon_filters as sidon_filters
from sparsecsc.dictionaries.plans import DirectChannels as DirectChannels
from sparsecsc.dictionaries.plans import DirectSamples as DirectSamples
from sparsecsc.dictionaries.plans import TiledFFT as TiledFFT
from sparsecsc.dictionaries.plans import WholeFFT as WholeFFT
from sparsecsc.dictionaries.product import Product as Product
from sparsecsc.dictionaries.random import random_filters as random_filters
from sparsecsc.dictionaries.random import random_parseval_filters as random_parseval_filters
from sparsecsc.dictionaries.waveforms import ricker_filters as ricker_filters
from sparsecsc.dictionaries.waveforms import tone_filters as tone_filters
from sparsecsc.encode import Encoding as Encoding
from sparsecsc.encode import encode as encode
from sparsecsc.learning.constraint import UnitBall as UnitBall
from sparsecsc.learning.learn import LearnCheck as LearnCheck
from sparsecsc.learning.learn import learn as learn
from sparsecsc.learning.online import OnlineResult as OnlineResult
from sparsecsc.learning.online import OnlineState as OnlineState
from sparsecsc.learning.online import learn_online as learn_online
from sparsecsc.learning.result import LearnResult as LearnResult
from sparsecsc.learning.starts import patch_filters as patch_filters
from sparsecsc.models.certificate import certify_codes as certify_codes
from sparsecsc.models.certificate import dual_value as dual_value
from sparsecsc.models.deep import deep_pursuit as deep_pursuit
from sparsecsc.models.layers import effective as effective
from sparsecsc.models.layers import layer_lipschitz as layer_lipschitz
from sparsecsc.models.layers import layer_shapes as layer_shapes
from sparsecsc.models.mlcsc import MLCSC as MLCSC
from sparsecsc.models.msdcsc import MSDCSC as MSDCSC
from sparsecsc.models.normalize import Normalized as Normalized
from sparsecsc.models.normalize import normalize_atoms as normalize_atoms
from sparsecsc.models.normalize import normalize_spectra as normalize_spectra
from sparsecsc.models.problem import MultilayerPursuit as MultilayerPursuit
from sparsecsc.models.rescsc import ResCSC as ResCSC
from sparsecsc.optimality import certify as certify
from sparsecsc.optimality import dual_point as dual_point
from sparsecsc.optimality import duality_gap as duality_gap
from sparsecsc.optimality import gap_safe_radius as gap_safe_radius
from sparsecsc.optimality import kkt_residual as kkt_residual
from sparsecsc.optimality import lambda_max as lambda_max
from sparsecsc.penalties.elastic_net import ElasticNet as ElasticNet
from sparsecsc.penalties.group_l1 import GroupL1 as GroupL1
from sparsecsc.penalties.l0 import L0 as L0
from sparsecsc.penalties.l1 import L1 as L1
from sparsecsc.penalties.nonnegative_l1 import NonnegativeL1 as NonnegativeL1
from sparsecsc.penalties.relu import ReLU as ReLU
from sparsecsc.preprocessing import Scaling as Scaling
from sparsecsc.preprocessing import opponent_to_rgb as opponent_to_rgb
from sparsecsc.preprocessing import rgb_to_opponent as rgb_to_opponent
from sparsecsc.preprocessing import scale_signal as scale_signal
from sparsecsc.preprocessing import split_lowpass as split_lowpass
from sparsecsc.preprocessing import to_luminance as to_luminance
from sparsecsc.problems import Pursuit as Pursuit
from sparsecsc.result import Certificate as Certificate
from sparsecsc.result import History as History
from sparsecsc.result import Result as Result
from sparsecsc.result import Status as Status
from sparsecsc.solve import default_solver as default_solver
from sparsecsc.solve import path as path
from sparsecsc.solve import solve as solve
from sparsecsc.solvers.admm import ADMM as ADMM
from sparsecsc.solvers.coordinate_descent import CoordinateDescent as CoordinateDescent
from sparsecsc.solvers.fista import FISTA as FISTA
from sparsecsc.solvers.ista import ISTA as ISTA
from sparsecsc.solvers.layered_basis_pursuit import LayeredBasisPursuit as LayeredBasisPursuit
from sparsecsc.solvers.layered_thresholding import LayeredThresholding as LayeredThresholding
from sparsecsc.solvers.mladmm import MLADMM as MLADMM
from sparsecsc.solvers.mlista import MLFISTA as MLFISTA
from sparsecsc.solvers.mlista import MLISTA as MLISTA
from sparsecsc.solvers.omp import OMP as OMP
from sparsecsc.solvers.projection_pursuit import ProjectionPursuit as ProjectionPursuit
from sparsecsc.theory.layers import LayerReport as LayerReport
from sparsecsc.theory.layers import layer_reports as layer_reports
from sparsecsc.theory.sparsity import stripe_norm as stripe_norm


def __getattr__(name: str) -> Any:
    """Look up what takes time only when asked: the version, and the rooms that need extras."""
    if name in ("distributed", "estimators", "io", "plot"):
        from importlib import import_module

        return import_module(f"sparsecsc.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("sparsecsc")
    msg = f"module 'sparsecsc' has no attribute {name!r}"
    raise AttributeError(msg)
