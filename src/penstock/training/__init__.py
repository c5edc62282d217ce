"""penstock's own trainer: methods, objectives, the training loop, evaluation.

The only package that imports torch, and only in the process that executes a run: the names
exported here are read without it.
"""

from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods import METHODS, Method

__all__ = ["METHODS", "Hyperparameters", "Method"]
