"""First-order fine-tuning of all weights with AdamW or SGD."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods._base import Method, Microbatch, has_weight_decay

if TYPE_CHECKING:
    import torch


class FirstOrderHyperparameters(Hyperparameters):
    """Hyperparameters of first-order methods."""

    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="The optimizer.")
    max_grad_norm: float | None = Field(
        1.0, gt=0, description="Gradients are clipped to this norm; null: no clipping."
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
        import torch

        self.model = model.eval()  # peft returns adapters in training mode
        trained = [p for p in model.parameters() if p.requires_grad]
        groups = [
            {
                "params": [p for p in trained if has_weight_decay(p)],
                "weight_decay": self.hyperparameters.weight_decay,
            },
            {"params": [p for p in trained if not has_weight_decay(p)], "weight_decay": 0.0},
        ]
        optimizers = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
        optimizer = optimizers[self.hyperparameters.optimizer]
        self.optimizer = optimizer(groups, lr=self.hyperparameters.learning_rate)
        return model

    def step(
        self, microbatches: Sequence[Microbatch], learning_rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        import torch

        self.model.train()
        total = 0.0
        for microbatch in microbatches:
            loss = microbatch()
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


METHOD = FirstOrderFull
