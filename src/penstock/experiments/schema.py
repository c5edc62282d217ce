"""The keys of an experiment file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

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
from penstock.runs.record import Mix
from penstock.trainers import trainers

Scalar = str | int | float | bool | None
#: Comma-separated names, or a list of them (a dimension of the grid).
Entries = str | list[str | None] | None


class Header(Options):
    """The purpose of the experiment, which names the directory of its results."""

    purpose: FileName = Field(description="Names the directory of the results.")
    description: str = ""


class Data(Options):
    """One dataset by `path`, or an `original`, its `synthetic` version and the `mix` of them."""

    path: str | list[str] | None = Field(
        None, description="A dataset; {task} is replaced by the directory name of the task."
    )
    train: Entries = Field(
        None, description="Chat: comma-separated entries of dataset_info.json; null: the split's."
    )
    validation: Entries = Field(None, description="Chat: the entries that choose the weights.")
    test: Entries = Field(None, description="Chat: the entries that are reported.")
    original: str | list[str] | None = None
    synthetic: str | list[str] | None = None
    mix: Mix | list[Mix] | None = Field(None, description="Which rows to train on.")
    name: FileName | list[FileName] | None = Field(
        None, description="The name of the data in results; null: that of its directory."
    )

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if (self.path is None) == (self.original is None and self.synthetic is None):
            raise ValueError("give either path, or original and synthetic with mix")
        if self.path is not None:
            if self.mix is not None:
                raise ValueError("mix needs original and synthetic; path is one dataset")
            return self
        if self.original is None:
            raise ValueError("original is required: its dev and validation rows are used")
        mixes = self.mix if isinstance(self.mix, list) else [self.mix]
        if None in mixes:
            raise ValueError("mix is required: original, synthetic or both")
        if self.synthetic is None and set(mixes) != {"original"}:
            raise ValueError("synthetic is required by this mix")
        return self


class Experiment(Options):
    """An experiment file. Every list is a dimension of the grid."""

    experiment: Header
    model: str | list[str] = Field(description="A hub name, a directory, or a .gguf file.")
    task: str | list[str]
    method: str | list[str] | dict[str, dict[str, Any] | None] = Field(
        description="A method, a list, or a mapping of methods to their hyperparameters."
    )
    data: Data
    hyperparameters: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    zip: list[list[str]] = Field(
        default_factory=list, description="Groups of keys whose lists are zipped."
    )
    exclude: list[dict[str, Scalar | list[Scalar]]] = Field(
        default_factory=list, description="Cells to exclude: those that match every key."
    )
    trainer: str = "penstock"
    results: str = Field("Results", description="The directory of all results.")
    cuda_devices: str | None = Field(
        None, description='"0,1", or cpu; null: the GPUs of the machine, else cpu.'
    )
    max_parallel: int | None = Field(None, ge=1, description="The most runs at the same time.")
    timeout: float | None = Field(None, gt=0, description="The time limit of a run in seconds.")
    wait_for_completion: bool = Field(True, description="false: run in the background.")
    continue_on_error: bool = Field(False, description="Start further runs after a failure.")

    @field_validator("cuda_devices", mode="before")
    @classmethod
    def _devices_as_text(cls, value: Any) -> Any:
        """Accept 0 and [0, 1] as "0" and "0,1": devices are not a dimension of the grid."""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return ",".join(map(str, value)) if isinstance(value, list) else value


def read_experiment(path: Path, overrides: tuple[str, ...] = ()) -> tuple[Experiment, Document]:
    """Return the experiment of a file with `key.path=value` overrides, and its document.

    Raises ConfigError, with line and caret, for an unknown key or an invalid value.
    """
    document = read_yaml(path)
    apply_overrides(document, overrides)
    for key in ("backend", "trainer"):
        name = document.data.get(key)
        if (key == "backend" and key in document.data) or name == "builtin":
            trainer = "penstock" if name == "builtin" else name
            raise document.error(f"has been renamed; write 'trainer: {trainer}'", (key,))
    return validate(document, Experiment), document


def experiment_yaml(config: RunConfig, directory: RunDirectory) -> str:
    """Return one run as the text of an experiment file, with secrets masked.

    A chat template is given as its file in the run's directory.
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
    """Return the JSON Schema of experiment files with the hyperparameters of all trainers."""
    schema = Experiment.model_json_schema()
    fields: dict[str, list[dict[str, Any]]] = {}
    for trainer in filter(None, (t.runner for t in trainers())):
        for method in trainer.methods():
            properties = trainer.hyperparameters(method).model_json_schema()["properties"]
            for name, field in properties.items():
                fields.setdefault(name, []).append(field)
    schema["properties"]["hyperparameters"] = {
        "type": "object",
        "properties": {name: _or_list(found) for name, found in fields.items()},
        "additionalProperties": False,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _or_list(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a value or a list of values.

    `fields` are the schemas of one name in several methods; the first one gives the description.
    """
    annotations = ("title", "description", "default", "task")
    kinds: list[dict[str, Any]] = []
    for field in fields:
        kind = {key: value for key, value in field.items() if key not in annotations}
        if kind not in kinds:
            kinds.append(kind)
    item = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    described = {key: fields[0][key] for key in annotations if key in fields[0]}
    return {**described, "anyOf": [*kinds, {"type": "array", "items": item, "minItems": 1}]}
