"""The keys of an experiment file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from penstock.config import (
    Document,
    FileName,
    Options,
    apply_overrides,
    dump_yaml,
    read_yaml,
    validate,
)
from penstock.redaction import redact
from penstock.runs import RunConfig, RunDirectory
from penstock.runs.records import Mix
from penstock.trainers import TRAINERS

Scalar = str | int | float | bool | None
#: Names with commas between, or a list of such: a dimension.
Entries = str | list[str | None] | None


class Header(Options):
    """What the experiment is for. `purpose` names the directory of its results."""

    purpose: FileName = Field(description="Names the directory of the results.")
    description: str = ""


class Data(Options):
    """One dataset by `path`, or an `original` and its `synthetic` version and which to `mix`."""

    path: str | list[str] | None = Field(None, description="A dataset; {task} stands for its name.")
    train: Entries = Field(
        None,
        description="Chat: the entries of dataset_info.json to train on, commas between; null: "
        "those of the split.",
    )
    validation: Entries = Field(None, description="Chat: the entries to choose by.")
    test: Entries = Field(None, description="Chat: the entries to report on.")
    original: str | list[str] | None = None
    synthetic: str | list[str] | None = None
    mix: Mix | list[Mix] | None = Field(None, description="Which rows to train on.")
    name: FileName | list[FileName] | None = Field(
        None, description="How results call the data; null: as its directory is called."
    )

    @model_validator(mode="after")
    def _names_what_is_needed(self) -> Self:
        if (self.path is None) == (self.original is None and self.synthetic is None):
            raise ValueError("give either path, or original and synthetic with mix")
        if self.path is not None and self.mix is not None:
            raise ValueError("mix chooses between original and synthetic; path is one dataset")
        if self.path is None:
            if self.original is None:
                raise ValueError("original is needed: its dev and validation rows are used")
            mixes = self.mix if isinstance(self.mix, list) else [self.mix]
            if None in mixes:
                raise ValueError("mix is needed: original, synthetic or both")
            if self.synthetic is None and set(mixes) != {"original"}:
                raise ValueError("synthetic is needed by this mix")
        return self


class Experiment(Options):
    """What an experiment file holds. Every list is a dimension of the grid."""

    experiment: Header
    model: str | list[str] = Field(description="A hub name, a directory, or a .gguf file.")
    task: str | list[str]
    method: str | list[str] | dict[str, dict[str, Any] | None] = Field(
        description="A method, several, or several with hyperparameters of their own."
    )
    data: Data
    hyperparameters: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    zip: list[list[str]] = Field(
        default_factory=list, description="Groups of keys whose lists go side by side."
    )
    exclude: list[dict[str, Scalar | list[Scalar]]] = Field(
        default_factory=list, description="Cells to leave out: those that match every key."
    )
    trainer: str = "penstock"
    results: str = Field("Results", description="The directory that holds every purpose.")
    cuda_devices: Annotated[
        str | None, Field(description='"0,1", or cpu; null: what is there.')
    ] = None
    max_parallel: int | None = Field(None, ge=1, description="The most runs at a time.")
    timeout: float | None = Field(None, gt=0, description="Seconds that a run may take.")
    wait_for_completion: bool = Field(True, description="false: go on in the background.")
    continue_on_error: bool = Field(False, description="Start further runs after a failed one.")

    @field_validator("cuda_devices", mode="before")
    @classmethod
    def _devices_as_text(cls, value: Any) -> Any:
        """Take 0 and [0, 1] for "0" and "0,1": devices are no dimension of the grid."""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return ",".join(map(str, value)) if isinstance(value, list) else value


def read_experiment(path: Path, overrides: tuple[str, ...] = ()) -> tuple[Experiment, Document]:
    """Return the experiment of a file, with `key.path=value` overrides, and where its keys stand.

    Raises ConfigError, with line and caret, for what does not fit.
    """
    document = read_yaml(path)
    apply_overrides(document, overrides)
    return validate(document, Experiment), document


def experiment_yaml(config: RunConfig, directory: RunDirectory) -> str:
    """Return one run as an experiment file that `penstock train` takes; secrets are masked.

    A chat template is named by its file in the run's directory.
    """
    hyperparameters = dict(config.hyperparameters)
    if hyperparameters.get("chat_template") is not None:
        hyperparameters["chat_template"] = str(directory.template_file.resolve())
    data = config.data.model_dump(exclude_none=True)
    data["name"] = data.pop("label")
    return dump_yaml(
        redact(
            {
                "experiment": {"purpose": config.purpose, "description": config.description},
                "model": config.model,
                "task": config.task,
                "method": config.method,
                "data": data,
                "hyperparameters": hyperparameters,
                "trainer": config.trainer,
            }
        )
    )


def experiment_schema() -> dict[str, Any]:
    """Return the JSON Schema of experiment files, with every hyperparameter."""
    schema = Experiment.model_json_schema()
    fields: dict[str, list[dict[str, Any]]] = {}
    for trainer in map(TRAINERS.get, TRAINERS.names()):
        for method in trainer.methods():
            properties = trainer.hyperparameters(method).model_json_schema()["properties"]
            for name, field in properties.items():
                fields.setdefault(name, []).append(field)
    known = {name: _or_list(found) for name, found in fields.items()}
    of_methods = {"type": "object", "properties": known, "additionalProperties": False}
    schema["properties"]["hyperparameters"] = of_methods
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _or_list(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a value or a list of values: every list is a dimension.

    `fields` are the schemas of one name in several methods; the first one says what it is.
    """
    words = ("title", "description", "default", "task")
    said = {key: fields[0][key] for key in words if key in fields[0]}
    kinds: list[dict[str, Any]] = []
    for field in fields:
        kind = {key: value for key, value in field.items() if key not in words}
        if kind not in kinds:
            kinds.append(kind)
    item = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return {**said, "anyOf": [*kinds, {"type": "array", "items": item, "minItems": 1}]}
