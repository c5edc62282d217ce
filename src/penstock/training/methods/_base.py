"""What a method is. Modules here import torch inside functions: the grid reads them without it."""

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

#: Computes one batch's share of the step's loss, a scalar tensor; the shares add up to the loss.
LossPart = Callable[[], "Tensor"]


class Method(ABC):
    """Moves the weights of a model, one step at a time."""

    #: The registered name, the same as the module's.
    name: ClassVar[str]
    #: The method's hyperparameters, with its defaults.
    Hyperparameters: ClassVar[type[Hyperparameters]] = Hyperparameters

    model: torch.nn.Module

    def __init__(self, hyperparameters: Any) -> None:
        self.hyperparameters = hyperparameters

    def prepare(self, model: torch.nn.Module, directory: Path | None = None) -> torch.nn.Module:
        """Take the model to be trained; return the one to run, which may wrap it.

        `directory` is the run's; a method that keeps a record of its steps begins it there.
        """
        self.model = model
        return model

    @abstractmethod
    def step(
        self, parts: Sequence[LossPart], learning_rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        """Make update number `step` (from 1).

        Returns the metrics of the step, `loss` among them; those that cost something are there
        only when `measure` is true.
        """

    def trained(self) -> dict[str, Tensor]:
        """Return the tensors that training changes, by name, as they are in the model."""
        return {name: p.data for name, p in self.model.named_parameters() if p.requires_grad}

    def save(self, directory: Path) -> None:  # noqa: B027 - most methods have nothing to save
        """Write into the run's directory what rebuilds the weights that are in the model now.

        Called once, with the best weights. A method whose weights are as large as the model
        writes nothing here: `save_model` does.
        """

    def restore(self, directory: Path, step: int, *, best: bool) -> None:
        """Put the weights that a finished run had after `step` into the prepared model.

        `best` says that they are those the run was evaluated with. Raises DataError when the run
        did not keep them.
        """
        raise DataError(
            f"{self.name} keeps the weights of its best step, and only with save_model: true, as "
            "a model in the run's directory",
            file=directory,
        )

    def merged(self) -> torch.nn.Module:
        """Return a model of the original's class with the current weights."""
        return self.model


def decays(parameter: Tensor) -> bool:
    """Say whether weight decay applies: to matrices, not to biases and norms."""
    return parameter.ndim >= 2
