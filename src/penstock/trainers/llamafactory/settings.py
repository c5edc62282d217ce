"""A run in the words of LLaMA-Factory 0.9.5: the keys of the YAML that its trainer is given.

Options come from its hparams/ and from transformers' TrainingArguments (4.55 to 5.6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

#: penstock's words, and LLaMA-Factory's names, where the value is the same.
NAMES = {
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
#: LLaMA-Factory's names of the rest that penstock has a word for, and that word.
_WORDS = {
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
    """What is trained on what: entries of the `dataset_info.json` in `dataset_dir`, by name.

    No `evaluation` means that nothing is evaluated on the way.
    """

    model: str
    dataset_dir: Path
    train: Sequence[str]
    evaluation: Sequence[str]
    output_dir: Path


def training_settings(job: Job, values: FullHyperparameters, dtype: str) -> dict[str, Any]:
    """Return the settings that train; `dtype` is what `compute_dtype` comes to on this device."""
    batches = batches_of(job.model, values.batch_size, values.gradient_accumulation)
    return {
        **_model_settings(job, values),
        "do_train": True,
        "dataset": ",".join(job.train),
        **_data_settings(job, values),
        "output_dir": str(job.output_dir),
        "per_device_train_batch_size": batches.size,
        "gradient_accumulation_steps": batches.accumulation,
        **_renamed(values),
        **_warmup(values.warmup),
        "optim": _OPTIMIZERS[values.optimizer],
        # 0 is how the trainer is told never to scale.
        "max_grad_norm": values.max_grad_norm or 0.0,
        **_precision(dtype),
        # It would write the mean of the others in the place of a loss that is no number.
        "logging_nan_inf_filter": False,
        "include_num_input_tokens_seen": True,
        "save_strategy": "steps",
        "save_steps": values.eval_steps,
        **(_evaluation(batches.size, values.eval_steps) if job.evaluation else {}),
    }


def words_of_settings() -> dict[str, str | None]:
    """Return every key that `training_settings` may write, and penstock's word for it, if any."""
    job = Job("model", Path(), ["train"], ["evaluation"], Path())
    # Each that leaves out what the other writes.
    values = (
        LoraHyperparameters(template="default", batch_size=1, packing=True, steps=1, warmup=warmup)
        for warmup in (0, 1)
    )
    written = [
        key
        for value, dtype in zip(values, _PRECISION, strict=True)
        for key in training_settings(job, value, dtype)
    ]
    words = {theirs: ours for ours, theirs in NAMES.items()} | _WORDS
    return {key: words.get(key) for key in written}


def evaluation_settings(
    job: Job, values: FullHyperparameters, dtype: str, trained: Path
) -> dict[str, Any]:
    """Return the settings that only evaluate what `training_settings` has written to `trained`."""
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
    """Return what `compute_dtype` comes to on `cpu` or a slot such as `cuda:0`.

    Raises ConfigError where the driver does not tell what the GPU computes in.
    """
    if wanted != "auto":
        return wanted
    if device == "cpu":
        return "float32"
    known = gpus()
    of_device = [gpu for gpu in known if gpu.index == device.removeprefix("cuda:")] or known
    if not of_device or any(gpu.bfloat16 is None for gpu in of_device):
        raise ConfigError(
            f"the driver does not tell whether the GPU ({device}) computes in bfloat16; say "
            "bfloat16 (from Ampere on) or float16",
            field="compute_dtype",
        )
    return "bfloat16" if all(gpu.bfloat16 for gpu in of_device) else "float16"


def _model_settings(job: Job, values: FullHyperparameters) -> dict[str, Any]:
    settings = {"model_name_or_path": job.model, "stage": "sft", "finetuning_type": "full"}
    if isinstance(values, LoraHyperparameters):
        named = values.lora_targets
        settings["finetuning_type"] = "lora"
        settings["lora_target"] = "all" if named == "all-linear" else named
    settings["template"] = values.template or template_of(job.model)
    return settings


def _data_settings(job: Job, values: FullHyperparameters) -> dict[str, Any]:
    """Never `val_size`: it would cut the evaluation rows out of the training rows at random."""
    settings: dict[str, Any] = {"dataset_dir": str(job.dataset_dir)}
    if job.evaluation:
        settings["eval_dataset"] = ",".join(job.evaluation)
    settings["cutoff_len"] = values.max_length
    if values.packing:
        # `packing` alone lets the rows of one line see one another.
        settings |= {"packing": True, "neat_packing": True}
    return settings


def _renamed(values: FullHyperparameters) -> dict[str, Any]:
    given: Mapping[str, Any] = values.model_dump(exclude_none=True)
    return {NAMES[name]: value for name, value in given.items() if name in NAMES}


def _warmup(warmup: float) -> dict[str, Any]:
    # Before transformers 5, `warmup_steps` does not take a share for one.
    return {"warmup_ratio": warmup} if warmup < 1 else {"warmup_steps": round(warmup)}


def _precision(dtype: str) -> dict[str, Any]:
    return {_PRECISION[dtype]: True} if dtype in _PRECISION else {}


def _evaluation(batch_size: int, steps: int) -> dict[str, Any]:
    return {
        "per_device_eval_batch_size": batch_size,
        "eval_strategy": "steps",
        "eval_steps": steps,
        "do_eval": True,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
    }
