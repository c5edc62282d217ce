"""The interface of a method.

Methods import torch inside functions: the grid reads their hyperparameters without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.errors import DataError
from penstock.training.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: Runs the forward pass of one microbatch and returns its share of the step's loss, a scalar
#: tensor with gradient. The shares of a step add up to its loss.
Microbatch = Callable[[], "Tensor"]


class Method(ABC):
    """Updates the weights of a model, one step at a time."""

    #: The registered name, the same as the module's.
    name: ClassVar[str]
    #: The model of the method's hyperparameters, with defaults.
    Hyperparameters: ClassVar[type[Hyperparameters]] = Hyperparameters

    model: torch.nn.Module

    def __init__(self, hyperparameters: Any) -> None:
        self.hyperparameters = hyperparameters

    def prepare(self, model: torch.nn.Module, directory: Path | None = None) -> torch.nn.Module:
        """Take the model to train; return the one for forward passes, which may wrap it.

        `directory` is the run's; a method that records its steps starts the record there.
        """
        self.model = model
        return model

    @abstractmethod
    def step(
        self, microbatches: Sequence[Microbatch], learning_rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        """Make update number `step` (from 1) and return its metrics, `loss` among them.

        Metrics that are expensive to compute are returned only if `measure` is true.
        """

    def trained(self) -> dict[str, Tensor]:
        """Return the model's trained tensors by name, without copying."""
        return {name: p.data for name, p in self.model.named_parameters() if p.requires_grad}

    def save(self, directory: Path) -> None:  # noqa: B027 - most methods have nothing to save
        """Write what rebuilds the current weights into the run's directory.

        Called once, with the best weights. A method whose weights are as large as the model
        writes nothing; the hyperparameter `save_model` saves those.
        """

    def restore(self, directory: Path, step: int, *, best: bool) -> None:
        """Load the weights of a finished run after `step` into the prepared model.

        `best` is true for the weights that the run was evaluated with. Raises DataError if the run
        did not save them.
        """
        raise DataError(
            f"{self.name} keeps the weights of its best step, and only with save_model: true, as "
            "a model in the run's directory",
            file=directory,
        )

    def merged(self) -> torch.nn.Module:
        """Return a model of the base model's class with the current weights."""
        return self.model


def has_weight_decay(parameter: Tensor) -> bool:
    """Return True for matrices, False for biases and norms."""
    return parameter.ndim >= 2
