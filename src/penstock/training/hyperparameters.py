"""The hyperparameters that every method has; each method adds its own."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

DType = Literal["float32", "bfloat16", "float16"]

#: Marks what means something for one kind of task alone; other tasks' runs do not have it.
_OF_CHAT: JsonDict = {"task": "chat"}
_OF_BENCHMARKS: JsonDict = {"task": "benchmark"}


class Hyperparameters(BaseModel):
    """One run's values. The defaults are those of the public MeZO scripts where they have one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    learning_rate: float = Field(gt=0, description="The peak rate of the schedule.")
    batch_size: int = Field(16, ge=1, description="Rows a forward pass.")
    gradient_accumulation: int = Field(
        1, ge=1, description="Batches a step; the step equals one of batch_size times as many rows."
    )
    steps: int = Field(20000, ge=0, description="Updates; 0 evaluates the model as it is.")
    seed: int = Field(
        0, ge=0, description="Sets the training sample, its order, perturbations and dropout."
    )
    scheduler: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="How the rate goes on after the warm-up: to zero, or not."
    )
    warmup: float = Field(
        0.0, ge=0, description="Steps of linear warm-up; below 1, the share of all steps."
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled, on matrices only.")
    train_samples: int | None = Field(
        1000, ge=1, description="Training rows, drawn by the seed; null (the default of chat): all."
    )
    dev_samples: int | None = Field(
        None,
        ge=1,
        description="Rows for choosing: the last of a task's train file (null: the task's number), "
        "of chat rows of the validation split (null: all).",
    )
    eval_samples: int | None = Field(
        1000,
        ge=1,
        description="Evaluation rows, the same for every seed; null (the default of chat): all.",
    )
    eval_steps: int = Field(500, ge=1, description="Steps between two looks at the dev rows.")
    logging_steps: int = Field(10, ge=1, description="Steps between two lines of metrics.")
    max_length: int = Field(
        2048,
        ge=8,
        description="Tokens a prompt with its option may have, cut from the left; of chat those of "
        "a conversation, and of a packed row.",
    )
    packing: bool = Field(
        False,
        description="Chat: lay the conversations of a step into rows of up to max_length tokens, "
        "where none sees another.",
        json_schema_extra=_OF_CHAT,
    )
    mask_history: bool = Field(
        False,
        description="Chat: train on the last answer of a conversation, not on every one.",
        json_schema_extra=_OF_CHAT,
    )
    too_long: Literal["error", "drop", "truncate"] = Field(
        "error",
        description="Chat: what becomes of conversations above max_length: the run is refused, or "
        "they are left out, or cut at their end.",
        json_schema_extra=_OF_CHAT,
    )
    chat_template: str | None = Field(
        None,
        description="Chat: a file with a Jinja template, or the template itself; null: the "
        "tokenizer's own.",
        json_schema_extra=_OF_CHAT,
    )
    train_as_classification: bool | None = Field(
        None,
        description="Cross-entropy over the options' scores, or over the right option's tokens; "
        "null: the task's convention.",
        json_schema_extra=_OF_BENCHMARKS,
    )
    weights_dtype: DType = Field("float32", description="How weights are kept and updated.")
    compute_dtype: DType = Field("float32", description="How forward passes are computed.")
    save_model: bool = Field(False, description="Save the chosen weights as a full model.")
