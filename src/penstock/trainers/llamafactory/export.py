"""`penstock export llamafactory`: the YAML with which LLaMA-Factory 0.9.5 trains on chat rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from penstock.config import FileName
from penstock.errors import ConfigError, did_you_mean
from penstock.executors import visible_gpus
from penstock.fields import quoted_name
from penstock.files import plural
from penstock.formats import find_dataset
from penstock.formats.chat import ChatDataset
from penstock.manifest import read_manifest
from penstock.runs import RunData, local_model_path
from penstock.trainers._base import Export, Exporter
from penstock.trainers.llamafactory.environment import pinned_version
from penstock.trainers.llamafactory.hyperparameters import FullHyperparameters, LoraHyperparameters
from penstock.trainers.llamafactory.models import TEMPLATES, batches_of, require_loadable
from penstock.trainers.llamafactory.rows import SplitRows, read_splits
from penstock.trainers.llamafactory.settings import Job, dtype_on, option_names, training_settings

#: Keys that follow from the dataset, and those that would silently change the rows.
_REFUSED = {
    "dataset": "it follows from the dataset; `train` names its entries",
    "eval_dataset": "it follows from the dataset; `validation` names its entries",
    "dataset_dir": "it follows from the dataset",
    "val_size": "it would sample evaluation rows from the training rows, and separate reversed "
    "pairs; give the dataset a validation split",
    "tokenized_path": "it replaces the rows of the dataset by tokens of an earlier training",
    "max_samples": "it would leave out rows, also of the evaluation; give the recipe a step `take`",
    "streaming": "the rows could not be counted",
}
#: Keys with the same name in penstock.
_REPORTING = ("report_to", "run_name", "project")
_TRACKERS = {
    "wandb": "WANDB_API_KEY, and WANDB_PROJECT for the project, come only from the environment; "
    "the package wandb must be in LLaMA-Factory's environment",
    "trackio": "HF_TOKEN comes only from the environment, and only a Space needs it; the package "
    "trackio must be in LLaMA-Factory's environment",
}


class _Common(FullHyperparameters):
    """The options besides the hyperparameters."""

    model: str = Field(description="A hub name, or a directory.")
    train: str | None = Field(None, description="The entries to train on, separated by commas.")
    validation: str | None = Field(None, description="The entries to evaluate on.")
    output_dir: str | None = Field(
        None, description="Directory of the weights; null: models/RUN_NAME, relative to the run."
    )
    report_to: Literal["none", "wandb", "trackio"] = Field("none", description="The tracker.")
    run_name: FileName | None = Field(
        None, description="The run's name in the tracker; null: from model, dataset and method."
    )
    project: str = Field("penstock", description="The tracker's project; wandb: WANDB_PROJECT.")
    llamafactory: dict[str, Any] = Field(
        default_factory=dict,
        description="Other keys of LLaMA-Factory, as llamafactory.deepspeed=ds.json.",
    )

    @field_validator("llamafactory")
    @classmethod
    def _only_other_keys(cls, keys: dict[str, Any]) -> dict[str, Any]:
        options = option_names() | {key: key for key in _REPORTING}
        for key in keys:
            if key in _REFUSED:
                raise ValueError(f"{key} is refused: {_REFUSED[key]}")
            if key in options and (option := options[key]):
                raise ValueError(f"{key} is penstock's option {option}; give {option}=...")
            if key in options:
                raise ValueError(f"{key} is refused: penstock sets it; edit the file to change it")
        return keys


class FullOptions(_Common):
    """The options with `method: fo_full`."""

    method: Literal["fo_full"]


class LoraOptions(LoraHyperparameters, _Common):
    """The options with `method: fo_lora`, the default."""

    method: Literal["fo_lora", "fo_full"] = Field("fo_lora", description="The method.")


class LlamaFactoryExporter(Exporter):
    """Settings for `llamafactory-cli train`."""

    def options(self, given: Mapping[str, Any]) -> type[BaseModel]:
        """Return the options of the method; raises ConfigError for a refused key."""
        for key in given:
            if key in _REFUSED:
                raise ConfigError(f"is refused: {_REFUSED[key]}", field=key)
        return FullOptions if given.get("method") == "fo_full" else LoraOptions

    def export(self, dataset: Path, options: FullOptions | LoraOptions) -> Export:
        """Return the settings for a dataset of the format chat, after reading every row."""
        require_loadable(options.model)
        _, path = find_dataset(dataset, ("chat",))
        path = path.resolve()
        head = _head(path)
        if tested := _test_entries(path, options.train):
            raise ConfigError(
                f"{', '.join(tested)}: of the test split, on which a score would be meaningless; "
                "name the entries of train",
                field="train",
            )
        tested = _test_entries(path, options.validation)
        splits = _read_splits(path, options, [] if tested else ["test"])
        run_name = options.run_name or _run_name(options, path)
        evaluation = splits["validation"].names if "validation" in splits else []
        job = Job(
            model=str(local_model_path(options.model) or options.model),
            dataset_dir=path,
            train=splits["train"].names,
            evaluation=evaluation,
            output_dir=Path(options.output_dir or f"models/{run_name}"),
        )
        dtype = dtype_on("cuda" if visible_gpus() else "cpu", options.compute_dtype)
        tracking = {"report_to": options.report_to, "run_name": run_name}
        if options.report_to == "trackio":
            tracking["project"] = options.project
        keeps = [f"{_rows(splits['train'])}, to train on"]
        if evaluation:
            rows = _rows(splits["validation"])
            keeps.append(f"{rows}, to evaluate on every {options.eval_steps} steps")
        if options.packing:
            loses = [f"rows of over {options.max_length:,} tokens: dropped with a warning"]
        else:
            loses = [
                f"the tokens of a row after the first {options.max_length:,}: cut off silently"
            ]
        loses[0] += " (max_length)"
        if "test" in splits:
            loses.append(f"{_rows(splits['test'])}: not used by the training")
        return Export(
            trainer="llamafactory",
            version=f"{pinned_version()}, with transformers 4.55 to 5.6",
            dataset=str(path),
            settings=training_settings(job, options, dtype) | tracking | options.llamafactory,
            keeps=keeps,
            loses=loses,
            advice=_advice(options, job, dtype),
            warnings=_warnings(splits, options, dtype, tested),
            head=head,
        )


def _test_entries(path: Path, names: str | None) -> list[str]:
    """Return the entries of the test split among some names."""
    named = {name.strip() for name in (names or "").split(",")}
    entries = ChatDataset(path).entries.get("test", [])
    return [entry.name for entry in entries if entry.name in named]


def _read_splits(
    path: Path, options: FullOptions | LoraOptions, more: list[str]
) -> dict[str, SplitRows]:
    """Read train, validation and `more`; errors name the option instead of the key of a run."""
    data = RunData(
        path=str(path), train=options.train, validation=options.validation, label=path.name
    )
    try:
        return read_splits(data, required=("train",), splits=("train", "validation", *more))
    except ConfigError as error:
        field = error.field and error.field.removeprefix("data.")
        raise ConfigError(error.message, file=error.file, field=field) from None


def _run_name(options: FullOptions | LoraOptions, dataset: Path) -> str:
    model = re.sub(r"[^\w.\-]+", "-", Path(options.model).name).lower()
    return f"{model}-{dataset.name}-{options.method.removeprefix('fo_')}"


def _rows(split: SplitRows) -> str:
    return f"{plural(split.rows, 'row')} of {', '.join(split.names)}"


def _advice(options: FullOptions | LoraOptions, job: Job, dtype: str) -> list[str]:
    batches = batches_of(job.model, options.batch_size, options.gradient_accumulation)
    lines = [f"batches: {batches.reason}"]
    if options.compute_dtype == "auto" and dtype != "float32":
        other = "float16" if dtype == "bfloat16" else "bfloat16"
        lines.append(
            f"precision: {dtype}, for the GPU of this machine; change it with compute_dtype={other}"
        )
    if options.template is None:
        lines.append("template: by the model's name; change it with --template")
    if not job.evaluation:
        lines.append("no evaluation split: nothing is evaluated, the last weights are kept")
    if options.report_to in _TRACKERS:
        lines.append(f"{options.report_to}: {_TRACKERS[options.report_to]}")
    if options.llamafactory:
        keys = ", ".join(options.llamafactory)
        lines.append(f"not checked by penstock: {keys}; LLaMA-Factory refuses unknown keys")
    return lines


def _warnings(
    splits: Mapping[str, SplitRows],
    options: FullOptions | LoraOptions,
    dtype: str,
    tested: list[str],
) -> list[str]:
    lines = [warning for split in splits.values() for warning in split.warnings]
    if options.compute_dtype == "auto" and dtype == "float32":
        lines.append(
            "no GPU is visible: neither bf16 nor fp16 is set, and training runs in float32; for a "
            "GPU give compute_dtype=bfloat16 (before Ampere float16)"
        )
    if (name := options.template) is not None and name not in TEMPLATES:
        hint = did_you_mean(name, TEMPLATES)
        lines.append(f"LLaMA-Factory {pinned_version()} has no template {quoted_name(name)}{hint}")
    if tested:
        lines.append(
            f"{', '.join(tested)}: of the test split; its score no longer measures generalization"
        )
    return lines


def _head(path: Path) -> list[str]:
    """Return comment lines that identify the dataset: LLaMA-Factory refuses unknown keys."""
    manifest = read_manifest(path)
    if manifest is None:
        return [f"dataset {path}, which has no manifest"]
    manifest.require_unchanged(path)
    return [f"dataset {path} is {manifest.content_hash}, by penstock {manifest.penstock}"]
