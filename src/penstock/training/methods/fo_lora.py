"""First-order fine-tuning of low-rank adapters (Hu et al. 2021, arXiv 2106.09685) with peft."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from penstock.errors import ConfigError, DataError
from penstock.files import staged_directory
from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods.fo_full import FirstOrderFull, FirstOrderHyperparameters

if TYPE_CHECKING:
    import torch

ADAPTER_NAME = "adapter"


class LoraHyperparameters(FirstOrderHyperparameters):
    """Hyperparameters of fo_lora."""

    lora_rank: int = Field(16, ge=1, description="The rank of each adapter.")
    lora_alpha: float = Field(16.0, gt=0, description="Adapters are scaled by alpha / rank.")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="Dropout on the adapters' input.")
    lora_targets: str = Field(
        "auto",
        description="The adapted modules: comma-separated names (q_proj,v_proj), all-linear, or "
        "auto for peft's default of the architecture.",
    )


class FirstOrderLora(FirstOrderFull):
    """Back-propagation into adapters; the weights of the model are frozen."""

    name = "fo_lora"
    Hyperparameters: ClassVar[type[Hyperparameters]] = LoraHyperparameters
    hyperparameters: LoraHyperparameters

    def prepare(self, model: torch.nn.Module, directory: Path | None = None) -> torch.nn.Module:
        """Wrap the model with new adapters.

        Raises ConfigError if the targets are not modules of the model.
        """
        from peft import LoraConfig, get_peft_model

        values = self.hyperparameters
        targets: str | list[str] | None = None
        if values.lora_targets == "all-linear":
            targets = "all-linear"
        elif values.lora_targets != "auto":
            targets = [name.strip() for name in values.lora_targets.split(",")]
        config = LoraConfig(
            r=values.lora_rank,
            lora_alpha=values.lora_alpha,
            lora_dropout=values.lora_dropout,
            target_modules=targets,
            task_type="CAUSAL_LM",
        )
        try:
            self._adapted: Any = get_peft_model(model, config)
        except ValueError as error:
            raise ConfigError(
                f"'{values.lora_targets}' does not name modules of this model ({error})",
                field="hyperparameters.lora_targets",
            ) from None
        return super().prepare(self._adapted, directory)

    def save(self, directory: Path) -> None:
        with staged_directory(directory / ADAPTER_NAME) as staging:
            self._adapted.save_pretrained(staging)

    def restore(self, directory: Path, step: int, *, best: bool) -> None:
        from peft.utils import SAFETENSORS_WEIGHTS_NAME

        if not best:
            raise DataError("keeps the adapter of its best step only", file=directory)
        adapter = directory / ADAPTER_NAME
        if not (adapter / SAFETENSORS_WEIGHTS_NAME).is_file():
            raise DataError("there is no adapter; was it removed?", file=adapter)
        self._adapted.load_adapter(adapter, "default", is_trainable=False)

    def merged(self) -> torch.nn.Module:
        merged: torch.nn.Module = self._adapted.merge_and_unload()
        return merged


METHOD = FirstOrderLora
