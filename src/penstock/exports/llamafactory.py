"""`llamafactory`: the YAML by which LLaMA-Factory 0.9.5 trains on a dataset of chat rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator

from penstock.backends.llamafactory.hyperparameters import FullHyperparameters, LoraHyperparameters
from penstock.backends.llamafactory.models import batches_of, require_loadable
from penstock.backends.llamafactory.rows import Part, parts_of
from penstock.backends.llamafactory.settings import NAMES, Job, dtype_on, training_settings
from penstock.config import FileName
from penstock.errors import ConfigError
from penstock.executors import gpus
from penstock.exports._base import Export, Exporter
from penstock.files import plural
from penstock.formats import find_dataset
from penstock.manifest import read_manifest
from penstock.runs import RunData

_VERSION = "0.9.5, with transformers 4.55 to 5.6"
#: Keys that the dataset decides, and one by which other data would be trained on in silence.
_REFUSED = {
    "dataset": "the dataset decides it; `train` names its entries",
    "eval_dataset": "the dataset decides it; `validation` names its entries",
    "dataset_dir": "the dataset decides it",
    "val_size": "it would cut evaluation rows out of the training rows, twins and all; give the "
    "dataset a split of its own",
    "tokenized_path": "it takes the rows that lie there, whatever the dataset holds",
}
_OURS = {
    **{theirs: ours for ours, theirs in NAMES.items()},
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "gradient_accumulation",
    "lora_target": "lora_targets",
    "model_name_or_path": "model",
    "finetuning_type": "method",
    "warmup_ratio": "warmup",
    "warmup_steps": "warmup",
    "bf16": "compute_dtype",
    "fp16": "compute_dtype",
    "template": "template",
    "output_dir": "output_dir",
    "report_to": "report_to",
    "run_name": "run_name",
}
_KEYS = {
    "wandb": "WANDB_API_KEY, and WANDB_PROJECT for the project, come from the environment alone; "
    "the package wandb must be in LLaMA-Factory's environment",
    "trackio": "HF_TOKEN comes from the environment alone, and is needed only for a Space; the "
    "package trackio must be in LLaMA-Factory's environment",
}


class _Common(FullHyperparameters):
    """What an export is told besides the hyperparameters."""

    model: str = Field(description="A hub name, or a directory.")
    train: str | None = Field(None, description="The entries to train on, with commas between.")
    validation: str | None = Field(None, description="The entries to evaluate on.")
    output_dir: str | None = Field(
        None, description="Where the weights go; null: models/RUN_NAME, from where it is run."
    )
    report_to: Literal["none", "wandb", "trackio"] = Field("none", description="The tracker.")
    run_name: FileName | None = Field(
        None, description="What the tracker calls it; null: from model, dataset and method."
    )
    project: str = Field("penstock", description="The tracker's project; wandb: WANDB_PROJECT.")
    llamafactory: dict[str, Any] = Field(
        default_factory=dict,
        description="Keys of LLaMA-Factory's own, as llamafactory.deepspeed=ds.json.",
    )

    @field_validator("llamafactory")
    @classmethod
    def _only_what_has_no_other_place(cls, keys: dict[str, Any]) -> dict[str, Any]:
        for key in keys:
            if key in _REFUSED:
                raise ValueError(f"{key} is refused: {_REFUSED[key]}")
            if key in _OURS:
                raise ValueError(f"{key} is called {_OURS[key]} here")
        return keys


class FullOptions(_Common):
    """The options with `method: fo_full`."""

    method: Literal["fo_full"]


class LoraOptions(LoraHyperparameters, _Common):
    """The options with `method: fo_lora`, which is what is meant where none is given."""

    method: Literal["fo_lora", "fo_full"] = Field("fo_lora", description="What is trained.")


class LlamaFactory(Exporter):
    """Settings for `llamafactory-cli train`."""

    name: ClassVar[str] = "llamafactory"

    def options(self, given: Mapping[str, Any]) -> type[BaseModel]:
        """The hyperparameters of the method, and where what comes of it goes."""
        return FullOptions if given.get("method") == "fo_full" else LoraOptions

    def export(self, dataset: Path, options: FullOptions | LoraOptions) -> Export:
        """Return the settings for a dataset of the format chat."""
        _, path = find_dataset(dataset, ("chat",))
        path = path.resolve()
        head = _head(path)
        data = RunData(
            path=str(path), train=options.train, validation=options.validation, label=path.name
        )
        parts = parts_of(data, required=("train",))
        evaluation = parts.get("validation")
        run_name = options.run_name or _run_name(options, path)
        output = Path(options.output_dir or f"models/{run_name}")
        names = evaluation.names if evaluation else []
        job = Job(_model(options.model), path, parts["train"].names, names, output)
        dtype = dtype_on("cuda" if gpus() else "cpu", options.compute_dtype)
        return Export(
            trainer=self.name,
            version=_VERSION,
            dataset=str(path),
            settings=training_settings(job, options, dtype)
            | _reporting(options, run_name)
            | options.llamafactory,
            keeps=_keeps(parts, options),
            loses=_loses(parts, options),
            advice=_advice(options, job, dtype),
            head=head,
        )


def _model(name: str) -> str:
    """Return a directory that is there as an absolute path, and a hub name as it is."""
    require_loadable(name)
    path = Path(name).expanduser()
    if path.is_dir() and not (path / "config.json").is_file():
        raise ConfigError("is no model: it has no config.json", file=path)
    return str(path.resolve()) if path.is_dir() else name


def _run_name(options: FullOptions | LoraOptions, dataset: Path) -> str:
    model = re.sub(r"[^\w.\-]+", "-", Path(options.model).name).lower()
    return f"{model}-{dataset.name}-{options.method.removeprefix('fo_')}"


def _reporting(options: FullOptions | LoraOptions, run_name: str) -> dict[str, Any]:
    settings: dict[str, Any] = {"report_to": options.report_to, "run_name": run_name}
    if options.report_to == "trackio":
        settings["project"] = options.project
    return settings


def _keeps(parts: Mapping[str, Part], options: FullOptions | LoraOptions) -> list[str]:
    lines = [f"{_rows(parts['train'])}, to train on"]
    if evaluation := parts.get("validation"):
        lines.append(f"{_rows(evaluation)}, to evaluate on every {options.eval_steps} steps")
    return lines


def _loses(parts: Mapping[str, Part], options: FullOptions | LoraOptions) -> list[str]:
    if options.packing:
        lines = [f"rows of over {options.max_length:,} tokens: dropped with a warning (max_length)"]
    else:
        lines = [f"the tokens of a row after the first {options.max_length:,}, without a word"]
    if test := parts.get("test"):
        lines.append(f"{_rows(test)}: training does not look at them")
    return lines


def _rows(part: Part) -> str:
    return f"{plural(part.rows, 'row')} of {', '.join(part.names)}"


def _advice(options: FullOptions | LoraOptions, job: Job, dtype: str) -> list[str]:
    batches = batches_of(job.model, options.batch_size, options.gradient_accumulation)
    lines = [f"batches: {batches.reason}"]
    if options.compute_dtype == "auto":
        there = "there is no GPU here" if dtype == "float32" else "the GPU of this machine"
        lines.append(f"precision: {dtype}, for {there}; compute_dtype=bfloat16 says otherwise")
    if options.template is None:
        lines.append("template: by the model's name; --template says otherwise")
    if not job.evaluation:
        lines.append("there is no evaluation split: nothing is evaluated, the last weights stay")
    if options.report_to in _KEYS:
        lines.append(f"{options.report_to}: {_KEYS[options.report_to]}")
    if options.llamafactory:
        keys = ", ".join(options.llamafactory)
        lines.append(f"not checked here: {keys}; LLaMA-Factory refuses what it does not know")
    return lines


def _head(path: Path) -> list[str]:
    """Return what lets a score be traced to its rows: LLaMA-Factory refuses keys it knows not."""
    manifest = read_manifest(path)
    if manifest is None:
        return [f"dataset {path}, which has no manifest"]
    manifest.require_unchanged(path)
    return [f"dataset {path} is {manifest.content_hash}, by penstock {manifest.penstock}"]


EXPORT = LlamaFactory()
