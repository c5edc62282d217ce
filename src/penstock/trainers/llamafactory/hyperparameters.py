"""The hyperparameters of a run with LLaMA-Factory, under penstock's names."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.errors import ConfigError, did_you_mean
from penstock.trainers.llamafactory.models import ROWS_PER_STEP


class FullHyperparameters(BaseModel):
    """The hyperparameters of `fo_full`; `fo_lora` has them too."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    learning_rate: float = Field(1e-5, gt=0, description="The peak rate of the schedule.")
    batch_size: int | None = Field(
        None,
        ge=1,
        description="Rows per forward pass; null: 16 / gradient_accumulation, and if that is null "
        "as well, 4, 2 or 1, by the size of the model.",
    )
    gradient_accumulation: int | None = Field(
        None, ge=1, description="Batches per step; null: 16 / batch_size."
    )
    epochs: float = Field(3.0, gt=0, description="Passes over the training rows.")
    steps: int | None = Field(None, ge=1, description="Updates; overrides `epochs`.")
    seed: int = Field(42, ge=0, description="Seed of the order of rows, the adapters and dropout.")
    scheduler: Literal["constant", "linear", "cosine"] = Field(
        "cosine", description="The learning rate after the warm-up: decaying to zero, or constant."
    )
    warmup: float = Field(
        0.1, ge=0, description="Steps of linear warm-up; below 1, the share of all steps."
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay, on matrices only.")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="The optimizer.")
    max_grad_norm: float | None = Field(
        1.0, gt=0, description="Gradients are clipped to this norm; null: never."
    )
    max_length: int = Field(
        2048, ge=8, description="Tokens per row; LLaMA-Factory silently truncates longer rows."
    )
    packing: bool = Field(
        False,
        description="Several rows in one sequence of max_length tokens, isolated from each other.",
    )
    eval_steps: int = Field(
        100, ge=1, description="Steps between evaluations, and between saved checkpoints."
    )
    logging_steps: int = Field(10, ge=1, description="Steps between two lines of metrics.")
    save_limit: int | None = Field(
        2, ge=1, description="Checkpoints to keep, including the best one; null: all."
    )
    compute_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="The dtype of forward passes; auto: bfloat16 on a GPU that supports it, "
        "float16 on another one, float32 on the CPU.",
    )
    template: str | None = Field(
        None, description="LLaMA-Factory's name of the chat template; null: by the model's name."
    )

    @model_validator(mode="after")
    def _divides_step(self) -> Self:
        """Refuse a single value from which the other cannot be derived."""
        given = [rows for rows in (self.batch_size, self.gradient_accumulation) if rows is not None]
        if len(given) == 1 and ROWS_PER_STEP % given[0]:
            raise ValueError(
                f"{given[0]} does not divide the {ROWS_PER_STEP} rows per step; give both "
                "batch_size and gradient_accumulation"
            )
        return self


class LoraHyperparameters(FullHyperparameters):
    """The hyperparameters of `fo_lora`."""

    learning_rate: float = Field(2e-4, gt=0, description="The peak rate of the schedule.")
    lora_rank: int = Field(16, ge=1, description="The rank of each adapter.")
    lora_alpha: int = Field(32, ge=1, description="Adapters are scaled by alpha / rank.")
    lora_dropout: float = Field(0.05, ge=0, lt=1, description="Dropout on the adapters' input.")
    lora_targets: str = Field(
        "all-linear",
        description="The adapted modules: names separated by commas (q_proj,v_proj), or "
        "all-linear.",
    )


#: The hyperparameters of each method.
METHODS: dict[str, type[FullHyperparameters]] = {
    "fo_full": FullHyperparameters,
    "fo_lora": LoraHyperparameters,
}


def hyperparameters_of(method: str) -> type[FullHyperparameters]:
    """Return the model of a method; raises ConfigError for another method."""
    if method not in METHODS:
        hint = did_you_mean(method, METHODS) or f"; known: {', '.join(METHODS)}"
        raise ConfigError(f"LLaMA-Factory has no method '{method}'{hint}", field="method")
    return METHODS[method]
