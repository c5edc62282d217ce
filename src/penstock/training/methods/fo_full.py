"""First-order fine-tuning of every weight: AdamW, or SGD by choice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods._base import LossPart, Method, decays

if TYPE_CHECKING:
    import torch


class FirstOrderHyperparameters(Hyperparameters):
    """What the first-order methods add."""

    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="The rule of the update.")
    max_grad_norm: float | None = Field(
        1.0, gt=0, description="Gradients are scaled down to this norm; null: never."
    )

    @model_validator(mode="after")
    def _no_half_precision(self) -> Self:
        # Gradients underflow in float16 without loss scaling, which bfloat16 does not need.
        for field in ("weights_dtype", "compute_dtype"):
            if getattr(self, field) == "float16":
                raise ValueError(
                    f"{field}: float16 loses small gradients in first-order training; use bfloat16"
                )
        return self


class FirstOrderFull(Method):
    """Back-propagation through the whole model."""

    name = "fo_full"
    Hyperparameters: ClassVar[type[Hyperparameters]] = FirstOrderHyperparameters

    hyperparameters: FirstOrderHyperparameters

    def prepare(self, model: torch.nn.Module, directory: Path | None = None) -> torch.nn.Module:
        """Take the model and make its optimizer."""
        self.model = model.eval()  # adapters come in training mode
        self.optimizer = self._make_optimizer()
        return model

    def step(
        self, parts: Sequence[LossPart], learning_rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        """Add up the gradients of all parts, clip them, and move."""
        import torch

        self.model.train()
        total = 0.0
        for part in parts:
            loss = part()
            loss.backward()
            total += float(loss.detach())
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        limit = self.hyperparameters.max_grad_norm or float("inf")
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, limit))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.model.eval()
        return {"loss": total, "grad_norm": norm}

    def _make_optimizer(self) -> torch.optim.Optimizer:
        import torch

        trained = [p for p in self.model.parameters() if p.requires_grad]
        groups = [
            {
                "params": [p for p in trained if decays(p)],
                "weight_decay": self.hyperparameters.weight_decay,
            },
            {"params": [p for p in trained if not decays(p)], "weight_decay": 0.0},
        ]
        rate = self.hyperparameters.learning_rate
        if self.hyperparameters.optimizer == "sgd":
            return torch.optim.SGD(groups, lr=rate)
        return torch.optim.AdamW(groups, lr=rate)


METHOD = FirstOrderFull
