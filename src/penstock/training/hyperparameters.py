"""The hyperparameters that every method has, and the learning-rate schedule."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

DType = Literal["float32", "bfloat16", "float16"]

#: Marks a field that applies to one kind of task; runs of other tasks do not have it.
_CHAT_ONLY: JsonDict = {"task": "chat"}
_BENCHMARK_ONLY: JsonDict = {"task": "benchmark"}


class Hyperparameters(BaseModel):
    """The values of one run. Defaults are those of the public MeZO scripts where they have one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    learning_rate: float = Field(gt=0, description="Peak learning rate.")
    batch_size: int = Field(16, ge=1, description="Rows per forward pass.")
    gradient_accumulation: int = Field(
        1, ge=1, description="Batches per step; a step has batch_size times as many rows."
    )
    steps: int = Field(20000, ge=0, description="Updates; 0 evaluates the model unchanged.")
    seed: int = Field(
        0, ge=0, description="Decides the training sample, its order, perturbations and dropout."
    )
    scheduler: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="Learning rate after warm-up: constant, or decay to zero."
    )
    warmup: float = Field(
        0.0, ge=0, description="Steps of linear warm-up; below 1, a fraction of all steps."
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay of matrices.")
    train_samples: int | None = Field(
        1000, ge=1, description="Training rows, sampled by the seed; null (chat default): all."
    )
    dev_samples: int | None = Field(
        None,
        ge=1,
        description="Rows for choosing checkpoints: the last ones of a task's train file (null: "
        "the task's default); for chat, rows of the validation split (null: all).",
    )
    eval_samples: int | None = Field(
        1000,
        ge=1,
        description="Evaluation rows, the same for every seed; null (chat default): all.",
    )
    eval_steps: int = Field(500, ge=1, description="Steps between evaluations on dev rows.")
    logging_steps: int = Field(10, ge=1, description="Steps between lines of metrics.")
    max_length: int = Field(
        2048,
        ge=8,
        description="Maximum tokens of a prompt with its option, truncated on the left; for chat, "
        "of a conversation and of a packed row.",
    )
    packing: bool = Field(
        False,
        description="Chat: pack the conversations of a step into rows of up to max_length tokens, "
        "isolated from each other.",
        json_schema_extra=_CHAT_ONLY,
    )
    mask_history: bool = Field(
        False,
        description="Chat: train only on the last answer of a conversation.",
        json_schema_extra=_CHAT_ONLY,
    )
    too_long: Literal["error", "drop", "truncate"] = Field(
        "error",
        description="Chat: for conversations above max_length, refuse the run, drop them, or "
        "truncate their end.",
        json_schema_extra=_CHAT_ONLY,
    )
    chat_template: str | None = Field(
        None,
        description="Chat: a file with a Jinja template, or the template itself; null: the "
        "tokenizer's template.",
        json_schema_extra=_CHAT_ONLY,
    )
    train_as_classification: bool | None = Field(
        None,
        description="Loss: cross-entropy over the scores of all options (true) or over the tokens "
        "of the correct option (false); null: the task's default.",
        json_schema_extra=_BENCHMARK_ONLY,
    )
    weights_dtype: DType = Field("float32", description="Data type of the weights.")
    compute_dtype: DType = Field("float32", description="Data type of forward passes.")
    save_model: bool = Field(False, description="Save the best weights as a full model.")

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of step number `step` (from 1).

        It rises linearly during warm-up and reaches the peak at the last warm-up step. Then it is
        constant, or decays to zero, which it would reach one step after the last.
        """
        warmup = math.ceil(self.warmup * self.steps) if self.warmup < 1 else int(self.warmup)
        if step <= warmup:
            return self.learning_rate * step / warmup
        if self.scheduler == "constant":
            return self.learning_rate
        progress = (step - 1 - warmup) / max(1, self.steps - warmup)
        if self.scheduler == "linear":
            return self.learning_rate * (1 - progress)
        return self.learning_rate * (1 + math.cos(math.pi * progress)) / 2
