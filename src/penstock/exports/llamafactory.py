"""`llamafactory`: the YAML by which LLaMA-Factory 0.9.5 trains on a dataset of chat rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator

from penstock.config import FileName
from penstock.errors import ConfigError, did_you_mean
from penstock.executors import visible_gpus
from penstock.exports._base import Export, Exporter
from penstock.fields import called
from penstock.files import plural
from penstock.formats import find_dataset
from penstock.formats.chat import ChatDataset
from penstock.manifest import read_manifest
from penstock.runs import RunData, place_of_model
from penstock.trainers.llamafactory.environment import pinned_version
from penstock.trainers.llamafactory.hyperparameters import FullHyperparameters, LoraHyperparameters
from penstock.trainers.llamafactory.models import batches_of, require_loadable
from penstock.trainers.llamafactory.names import TEMPLATES
from penstock.trainers.llamafactory.rows import Part, parts_of
from penstock.trainers.llamafactory.settings import (
    Job,
    dtype_on,
    training_settings,
    words_of_settings,
)

#: Keys that the dataset decides, and those by which other rows would be trained on in silence.
_REFUSED = {
    "dataset": "the dataset decides it; `train` names its entries",
    "eval_dataset": "the dataset decides it; `validation` names its entries",
    "dataset_dir": "the dataset decides it",
    "val_size": "it would cut evaluation rows out of the training rows, twins and all; give the "
    "dataset a split of its own",
    "tokenized_path": "it takes the rows that lie there, whatever the dataset holds",
    "max_samples": "it would leave rows out, of the evaluation too; give the recipe a step `take`",
    "streaming": "the rows that are read could not be counted",
}
#: What `_reporting` writes, which has the same names here.
_REPORTING = ("report_to", "run_name", "project")
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
        words = words_of_settings() | {key: key for key in _REPORTING}
        for key in keys:
            if key in _REFUSED:
                raise ValueError(f"{key} is refused: {_REFUSED[key]}")
            if key in words and words[key] == key:
                raise ValueError(f"{key} is an option here; give {key}=... without llamafactory.")
            if key in words and (word := words[key]):
                raise ValueError(f"{key} is called {word} here; give {word}=...")
            if key in words:
                raise ValueError(f"{key} is refused: penstock sets it; change the file for another")
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
        """The hyperparameters of the method, and where what comes of it goes.

        Raises ConfigError for a key of LLaMA-Factory's own that is refused.
        """
        for key in given:
            if key in _REFUSED:
                raise ConfigError(f"is refused: {_REFUSED[key]}", field=key)
        return FullOptions if given.get("method") == "fo_full" else LoraOptions

    def export(self, dataset: Path, options: FullOptions | LoraOptions) -> Export:
        """Return the settings for a dataset of the format chat."""
        require_loadable(options.model)
        _, path = find_dataset(dataset, ("chat",))
        path = path.resolve()
        head = _head(path)
        _refuse_test_rows(path, options)
        tested = _of_test(path, options.validation)
        parts = _parts(path, options, ("test",) * (not tested))
        evaluation = parts.get("validation")
        run_name = options.run_name or _run_name(options, path)
        output = Path(options.output_dir or f"models/{run_name}")
        names = evaluation.names if evaluation else []
        model = str(place_of_model(options.model) or options.model)
        job = Job(model, path, parts["train"].names, names, output)
        dtype = dtype_on("cuda" if visible_gpus() else "cpu", options.compute_dtype)
        return Export(
            trainer=self.name,
            version=f"{pinned_version()}, with transformers 4.55 to 5.6",
            dataset=str(path),
            settings=training_settings(job, options, dtype)
            | _reporting(options, run_name)
            | options.llamafactory,
            keeps=_keeps(parts, options),
            loses=_loses(parts, options),
            advice=_advice(options, job, dtype),
            warnings=_warnings(parts, options, dtype, tested),
            head=head,
        )


def _refuse_test_rows(path: Path, options: FullOptions | LoraOptions) -> None:
    if tested := _of_test(path, options.train):
        raise ConfigError(
            f"{', '.join(tested)}: of the test split; a score on it would tell nothing, name the "
            "entries of train",
            field="train",
        )


def _of_test(path: Path, names: str | None) -> list[str]:
    """Return those of some entries that are of the test split."""
    named = {name.strip() for name in (names or "").split(",")}
    of_test = ChatDataset(path).entries.get("test", [])
    return [entry.name for entry in of_test if entry.name in named]


def _parts(
    path: Path, options: FullOptions | LoraOptions, more: tuple[str, ...]
) -> dict[str, Part]:
    """Return train and validation, and `more`; an error names the option and not a key of runs."""
    data = RunData(
        path=str(path), train=options.train, validation=options.validation, label=path.name
    )
    try:
        return parts_of(data, required=("train",), splits=("train", "validation", *more))
    except ConfigError as error:
        field = error.field and error.field.removeprefix("data.")
        raise ConfigError(error.message, file=error.file, field=field) from None


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
    if options.compute_dtype == "auto" and dtype != "float32":
        other = "float16" if dtype == "bfloat16" else "bfloat16"
        there = "the GPU of this machine"
        lines.append(f"precision: {dtype}, for {there}; compute_dtype={other} says otherwise")
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


def _warnings(
    parts: Mapping[str, Part], options: FullOptions | LoraOptions, dtype: str, tested: list[str]
) -> list[str]:
    lines = [words for part in parts.values() for words in part.warnings]
    if options.compute_dtype == "auto" and dtype == "float32":
        lines.append(
            "no GPU is seen here: neither bf16 nor fp16 is set, and what is trained is trained in "
            "float32; for a GPU give compute_dtype=bfloat16 (before Ampere float16)"
        )
    if (name := options.template) is not None and name not in TEMPLATES:
        hint = did_you_mean(name, TEMPLATES)
        lines.append(f"LLaMA-Factory {pinned_version()} has no template {called(name)}{hint}")
    if tested:
        lines.append(f"{', '.join(tested)}: of the test split; no score on it counts any more")
    return lines


def _head(path: Path) -> list[str]:
    """Return what lets a score be traced to its rows: LLaMA-Factory refuses keys it knows not."""
    manifest = read_manifest(path)
    if manifest is None:
        return [f"dataset {path}, which has no manifest"]
    manifest.require_unchanged(path)
    return [f"dataset {path} is {manifest.content_hash}, by penstock {manifest.penstock}"]


EXPORT = LlamaFactory()
