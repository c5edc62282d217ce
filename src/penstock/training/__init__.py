"""Training: the methods, their objective, the loop, the evaluation.

This is the one room that imports torch, and only inside the process that carries a run: what this
page offers (hyperparameters and the names of the methods) is read by the grid without it.
"""

from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods import METHODS, Method

__all__ = ["METHODS", "Hyperparameters", "Method"]
