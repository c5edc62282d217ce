"""What a run of LLaMA-Factory is told, in penstock's words."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.errors import ConfigError, did_you_mean
from penstock.trainers.llamafactory.models import ROWS_A_STEP


class FullHyperparameters(BaseModel):
    """The values of `fo_full`, and what `fo_lora` has in common with it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    learning_rate: float = Field(1e-5, gt=0, description="The peak rate of the schedule.")
    batch_size: int | None = Field(
        None,
        ge=1,
        description="Rows a forward pass; null: as many as make 16 rows a step, and where "
        "gradient_accumulation is null as well, 4, 2 or 1, by the size of the model.",
    )
    gradient_accumulation: int | None = Field(
        None, ge=1, description="Batches a step; null: as many as make 16 rows a step."
    )
    epochs: float = Field(3.0, gt=0, description="Passes over the training rows.")
    steps: int | None = Field(None, ge=1, description="Updates, whatever `epochs` says.")
    seed: int = Field(42, ge=0, description="Sets the order of the rows, adapters and dropout.")
    scheduler: Literal["constant", "linear", "cosine"] = Field(
        "cosine", description="How the rate goes on after the warm-up: to zero, or not."
    )
    warmup: float = Field(
        0.1, ge=0, description="Steps of linear warm-up; below 1, the share of all steps."
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled, on matrices only.")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="The rule of the update.")
    max_grad_norm: float | None = Field(
        1.0, gt=0, description="Gradients are scaled down to this norm; null: never."
    )
    max_length: int = Field(
        2048, ge=8, description="Tokens of a row; LLaMA-Factory cuts longer ones without a word."
    )
    packing: bool = Field(
        False, description="Several rows in one of max_length tokens, blind to one another."
    )
    eval_steps: int = Field(
        100, ge=1, description="Steps between two looks at the evaluation rows, and two saves."
    )
    logging_steps: int = Field(10, ge=1, description="Steps between two lines of metrics.")
    save_limit: int | None = Field(
        2, ge=1, description="Checkpoints that are kept, the best one among them; null: all."
    )
    compute_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="How forward passes are computed; auto: bfloat16 on a GPU that has it, float16 "
        "on another one, float32 on the CPU.",
    )
    template: str | None = Field(
        None, description="LLaMA-Factory's name of the chat template; null: by the model's name."
    )

    @model_validator(mode="after")
    def _whole_batches(self) -> Self:
        """Refuse one of the two alone from which the other cannot make the rows of a step."""
        given = [rows for rows in (self.batch_size, self.gradient_accumulation) if rows is not None]
        if len(given) == 1 and ROWS_A_STEP % given[0]:
            raise ValueError(
                f"{given[0]} does not divide the {ROWS_A_STEP} rows of a step; give both "
                "batch_size and gradient_accumulation"
            )
        return self


class LoraHyperparameters(FullHyperparameters):
    """The values of `fo_lora`; the rate, the adapters and the schedule are those of the recipe."""

    learning_rate: float = Field(2e-4, gt=0, description="The peak rate of the schedule.")
    lora_rank: int = Field(16, ge=1, description="The rank of each adapter.")
    lora_alpha: int = Field(32, ge=1, description="Adapters are scaled by alpha / rank.")
    lora_dropout: float = Field(0.05, ge=0, lt=1, description="Dropout on the adapters' input.")
    lora_targets: str = Field(
        "all-linear",
        description="The adapted modules, as names with commas between (q_proj,v_proj), or "
        "all-linear.",
    )


#: The hyperparameters of each method.
METHODS: dict[str, type[FullHyperparameters]] = {
    "fo_full": FullHyperparameters,
    "fo_lora": LoraHyperparameters,
}


def hyperparameters_of(method: str) -> type[FullHyperparameters]:
    """Return the model of a method; raises ConfigError for one that LLaMA-Factory has not here."""
    if method not in METHODS:
        hint = did_you_mean(method, METHODS) or f"; known: {', '.join(METHODS)}"
        raise ConfigError(f"LLaMA-Factory has no method '{method}' here{hint}", field="method")
    return METHODS[method]
