"""Convolutional sparse coding as scikit-learn knows it: ``pip install "sparsecsc[sklearn]"``.

Only the files of this room import scikit-learn.
"""

from sparsecsc._estimators_coder import ConvolutionalSparseCoder
from sparsecsc._estimators_learner import ConvolutionalDictionaryLearner

__all__ = ["ConvolutionalDictionaryLearner", "ConvolutionalSparseCoder"]
