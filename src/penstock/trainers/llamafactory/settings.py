"""The training YAML of LLaMA-Factory 0.9.5 for a run or an export.

The keys come from its hparams/ and from transformers' TrainingArguments (4.55 to 5.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError
from penstock.executors import gpus
from penstock.trainers.llamafactory.hyperparameters import (
    FullHyperparameters,
    LoraHyperparameters,
)
from penstock.trainers.llamafactory.models import batches_of, template_of

#: Every key of LLaMA-Factory's training YAML: those of hparams/ and of Seq2SeqTrainingArguments.
SETTING_NAMES = frozenset(Path(__file__).with_name("setting_names.txt").read_text("utf-8").split())
#: LLaMA-Factory's names of hyperparameters whose value is the same.
_RENAMED = {
    "lora_rank": "lora_rank",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "learning_rate": "learning_rate",
    "epochs": "num_train_epochs",
    "steps": "max_steps",
    "seed": "seed",
    "scheduler": "lr_scheduler_type",
    "weight_decay": "weight_decay",
    "max_length": "cutoff_len",
    "logging_steps": "logging_steps",
    "save_limit": "save_total_limit",
}
#: penstock's name for other keys that it writes.
_DERIVED = {
    "model_name_or_path": "model",
    "finetuning_type": "method",
    "lora_target": "lora_targets",
    "template": "template",
    "per_device_train_batch_size": "batch_size",
    "per_device_eval_batch_size": "batch_size",
    "gradient_accumulation_steps": "gradient_accumulation",
    "warmup_ratio": "warmup",
    "warmup_steps": "warmup",
    "optim": "optimizer",
    "max_grad_norm": "max_grad_norm",
    "bf16": "compute_dtype",
    "fp16": "compute_dtype",
    "packing": "packing",
    "neat_packing": "packing",
    "eval_steps": "eval_steps",
    "save_steps": "eval_steps",
    "output_dir": "output_dir",
}
_OPTIMIZERS = {"adamw": "adamw_torch", "sgd": "sgd"}
_PRECISION = {"bfloat16": "bf16", "float16": "fp16"}


@dataclass(frozen=True)
class Job:
    """The model and the data: entries of the `dataset_info.json` in `dataset_dir`, by name.

    Without `evaluation` nothing is evaluated during training.
    """

    model: str
    dataset_dir: Path
    train: Sequence[str]
    evaluation: Sequence[str]
    output_dir: Path


def training_settings(job: Job, values: FullHyperparameters, dtype: str) -> dict[str, Any]:
    """Return the settings of a training; `dtype` is the resolved `compute_dtype`."""
    batches = batches_of(job.model, values.batch_size, values.gradient_accumulation)
    given = values.model_dump(exclude_none=True)
    # Before transformers 5, `warmup_steps` must be a number of steps.
    warmup = values.warmup
    settings = {
        **_model_settings(job, values),
        "do_train": True,
        "dataset": ",".join(job.train),
        **_data_settings(job, values),
        "output_dir": str(job.output_dir),
        "per_device_train_batch_size": batches.size,
        "gradient_accumulation_steps": batches.accumulation,
        **{_RENAMED[name]: value for name, value in given.items() if name in _RENAMED},
        **({"warmup_ratio": warmup} if warmup < 1 else {"warmup_steps": round(warmup)}),
        "optim": _OPTIMIZERS[values.optimizer],
        # 0 disables clipping.
        "max_grad_norm": values.max_grad_norm or 0.0,
        **_precision(dtype),
        # It would replace a loss that is not finite by the mean of the others.
        "logging_nan_inf_filter": False,
        "include_num_input_tokens_seen": True,
        "save_strategy": "steps",
        "save_steps": values.eval_steps,
    }
    if job.evaluation:
        settings |= {
            "per_device_eval_batch_size": batches.size,
            "eval_strategy": "steps",
            "eval_steps": values.eval_steps,
            "do_eval": True,
            "load_best_model_at_end": True,
            "metric_for_best_model": "eval_loss",
            "greater_is_better": False,
        }
    return settings


def option_names() -> dict[str, str | None]:
    """Return every key that `training_settings` may write, and penstock's option for it, if any."""
    job = Job("model", Path(), ["train"], ["evaluation"], Path())
    # Two settings that together write every key.
    values = (
        LoraHyperparameters(template="default", batch_size=1, packing=True, steps=1, warmup=warmup)
        for warmup in (0, 1)
    )
    written = [
        key
        for value, dtype in zip(values, _PRECISION, strict=True)
        for key in training_settings(job, value, dtype)
    ]
    options = {theirs: ours for ours, theirs in _RENAMED.items()} | _DERIVED
    return {key: options.get(key) for key in written}


def evaluation_settings(
    job: Job, values: FullHyperparameters, dtype: str, trained: Path
) -> dict[str, Any]:
    """Return the settings that evaluate the weights that a training has written to `trained`."""
    settings = _model_settings(job, values)
    lora = isinstance(values, LoraHyperparameters)
    settings["adapter_name_or_path" if lora else "model_name_or_path"] = str(trained)
    size = batches_of(job.model, values.batch_size, values.gradient_accumulation).size
    return {
        **settings,
        "do_train": False,
        "do_eval": True,
        **_data_settings(job, values),
        "output_dir": str(job.output_dir),
        "per_device_eval_batch_size": size,
        **_precision(dtype),
    }


def dtype_on(device: str, wanted: str) -> str:
    """Return the dtype for a `compute_dtype` on `cpu` or on a GPU such as `cuda:0`.

    Raises ConfigError if the driver does not report whether the GPU supports bfloat16.
    """
    if wanted != "auto":
        return wanted
    if device == "cpu":
        return "float32"
    known = gpus()
    of_device = [gpu for gpu in known if gpu.index == device.removeprefix("cuda:")] or known
    if not of_device or any(gpu.bfloat16 is None for gpu in of_device):
        raise ConfigError(
            f"the driver does not report whether the GPU ({device}) supports bfloat16; set it to "
            "bfloat16 (from Ampere on) or float16",
            field="compute_dtype",
        )
    return "bfloat16" if all(gpu.bfloat16 for gpu in of_device) else "float16"


def _model_settings(job: Job, values: FullHyperparameters) -> dict[str, Any]:
    settings = {"model_name_or_path": job.model, "stage": "sft", "finetuning_type": "full"}
    if isinstance(values, LoraHyperparameters):
        targets = values.lora_targets
        settings["finetuning_type"] = "lora"
        settings["lora_target"] = "all" if targets == "all-linear" else targets
    settings["template"] = values.template or template_of(job.model)
    return settings


def _data_settings(job: Job, values: FullHyperparameters) -> dict[str, Any]:
    """Return the data and its length; never `val_size`, which samples from the training rows."""
    settings: dict[str, Any] = {"dataset_dir": str(job.dataset_dir)}
    if job.evaluation:
        settings["eval_dataset"] = ",".join(job.evaluation)
    settings["cutoff_len"] = values.max_length
    if values.packing:
        # With `packing` only, attention crosses from one row of a sequence to the next.
        settings |= {"packing": True, "neat_packing": True}
    return settings


def _precision(dtype: str) -> dict[str, Any]:
    return {_PRECISION[dtype]: True} if dtype in _PRECISION else {}
