"""The names of an experiment resolved, and each cell of its grid as a run with valid values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from penstock.config import Document, KeyPath, config_error
from penstock.errors import ConfigError, did_you_mean, did_you_mean_path
from penstock.experiments.schema import Experiment
from penstock.redaction import looks_secret
from penstock.runs import RunConfig, RunData, local_model_path
from penstock.splits import SPLIT_NAMES
from penstock.tasks import TASKS, TaskBase, task_kind
from penstock.trainers import runner

DATA_KEYS = ("path", "train", "validation", "test", "original", "synthetic", "mix", "name")
#: Prefix of a hyperparameter in its dotted key.
HYPERPARAMETERS = "hyperparameters."
#: One value per dotted key (`data.mix`).
Cell = Mapping[str, Any]

_HUB_NAME = re.compile(r"[\w.\-]+(/[\w.\-]+)?")


class Request:
    """An experiment file, its trainer and its methods.

    Raises ConfigError, with the location in the file, for an unknown trainer or method.
    """

    def __init__(self, experiment: Experiment, document: Document) -> None:
        self.experiment = experiment
        self.document = document
        try:
            self.trainer = runner(experiment.trainer)
        except ConfigError as error:
            raise self.error(error.message, ("trainer",)) from None
        #: The methods, each with its own hyperparameters in the file.
        self.methods = self._methods()
        names = {name for method in self.trainer.methods() for name in self.fields(method)}
        #: Every key that can be a dimension of the grid, such as `data.mix`.
        self.keys = [
            *("model", "task", "method"),
            *(f"data.{name}" for name in DATA_KEYS),
            *(f"{HYPERPARAMETERS}{name}" for name in sorted(names)),
        ]

    def error(self, message: str, path: KeyPath, value: Any = None) -> ConfigError:
        """Return a ConfigError at a key, or at the item of the key's list that is `value`."""
        written: Any = self.document.data
        for part in path:
            written = written.get(part) if isinstance(written, dict) else None
        if isinstance(written, list):
            for index, item in enumerate(written):
                if type(item) is type(value) and item == value:
                    path = (*path, index)
                    break
        return self.document.error(message, path)

    def _methods(self) -> dict[str, dict[str, Any]]:
        given = self.experiment.method
        own = given if isinstance(given, dict) else {}
        names = [given] if isinstance(given, str) else list(given)
        if not names:
            raise self.error("no method is given", ("method",))
        known = self.trainer.methods()
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
                path = ("method", name) if own else ("method",)
                raise self.error(f"there is no method '{name}'{hint}", path, name)
        return {name: own.get(name) or {} for name in names}

    def fields(self, method: str) -> list[str]:
        """Return the names of a method's hyperparameters."""
        return list(self.trainer.hyperparameters(method).model_fields)

    def full_key(self, name: str, path: KeyPath) -> str:
        """Return the dotted key of a name in zip or exclude, whose prefix may be omitted.

        Raises ConfigError, with the nearest name, for an unknown key.
        """
        for candidate in (name, f"{HYPERPARAMETERS}{name}", f"data.{name}"):
            if candidate in self.keys:
                return candidate
        hint = did_you_mean(name, [key.rpartition(".")[2] for key in self.keys])
        raise self.error(f"unknown key '{name}'{hint}", path)

    def has_value(self, key: str) -> bool:
        """Return True if the file gives the key a value, for all methods or for one."""
        prefix, _, name = key.rpartition(".")
        if prefix == "data":
            return getattr(self.experiment.data, name) is not None
        own = any(name in values for values in self.methods.values())
        return not prefix or name in self.experiment.hyperparameters or own

    def find_task(self, name: Any, path: KeyPath) -> TaskBase:
        """Return the task with a registered name or a directory name such as `Copa`."""
        tasks = [TASKS.get(known) for known in TASKS.names()]
        for task in tasks:
            if str(name).casefold() in (task.name, task.directory.casefold()):
                try:
                    task_kind(task.name)
                except ConfigError as error:
                    raise self.error(error.message, path, name) from None
                return task
        names = [task.name for task in tasks]
        hint = did_you_mean(str(name), [*names, *(task.directory for task in tasks)])
        hint = hint or f"; known: {', '.join(names)}"
        raise self.error(f"there is no task '{name}'{hint}", path, name)


def resolve_cell(request: Request, cell: Cell) -> RunConfig:
    """Return the run of one cell.

    Raises ConfigError, with the location in the file, for an invalid value.
    """
    task = request.find_task(cell["task"], ("task",))
    values = _hyperparameters(request, cell, task)
    task_defaults = {"dev_samples": task.dev_rows, "train_as_classification": task.classification}
    for name, default in task_defaults.items():
        if name in values and values[name] is None:
            values[name] = default
    template = _template(request, cell["method"], values.get("chat_template"))
    if template is not None:
        values["chat_template"] = f"sha256:{hashlib.sha256(template.encode()).hexdigest()}"
    config = RunConfig(
        purpose=request.experiment.experiment.purpose,
        description=request.experiment.experiment.description,
        trainer=request.experiment.trainer,
        model=_model(request, cell["model"]),
        task=task.name,
        method=cell["method"],
        data=_data(request, cell, task),
        hyperparameters=values,
        template_text=template,
    )
    try:
        request.trainer.check_config(config)
    except ConfigError as error:
        raise request.error(error.message, tuple((error.field or "trainer").split("."))) from None
    return config


def _hyperparameters(request: Request, cell: Cell, task: TaskBase) -> dict[str, Any]:
    method = cell["method"]
    prefix = HYPERPARAMETERS
    given = {key.removeprefix(prefix): v for key, v in cell.items() if key.startswith(prefix)}
    model = request.trainer.hyperparameters(method)
    defaults = {name: v for name, v in task.defaults.items() if name in model.model_fields}
    try:
        values = model.model_validate(defaults | given).model_dump()
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "missing":
            message = f"is required by the method {method}"
        else:
            message = config_error(error, request.document, model, ("hyperparameters",)).message
        raise request.error(message, _key_path(request, method, name), given.get(name)) from None
    for name, value in given.items():
        # pydantic accepts true as 1, which is never intended.
        if isinstance(value, bool) and not isinstance(values[name], bool):
            message = f"must be a number, not {str(value).lower()}"
            raise request.error(message, _key_path(request, method, name), value)
    kind = task_kind(task.name)
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        if not isinstance(extra, dict) or extra.get("task", kind) == kind:
            continue
        if given.get(name) is not None:
            message = f"does not apply to the task {task.name}; remove it"
            raise request.error(message, _key_path(request, method, name), given[name])
        del values[name]
    return values


def _key_path(request: Request, method: str, name: str) -> KeyPath:
    """Return the location of a hyperparameter in the file; without a name, that of all."""
    if not name:
        return ("hyperparameters",)
    own: KeyPath = ("method", method, name)
    return own if own in request.document.marks else ("hyperparameters", name)


def _template(request: Request, method: str, given: str | None) -> str | None:
    if given is None:
        return None
    text = given
    path = _key_path(request, method, "chat_template")
    if "{" not in given:
        try:
            text = Path(given).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = f"{given} cannot be read ({error}){did_you_mean_path(Path(given))}"
            raise request.error(message, path, given) from None
    if looks_secret(text):
        message = "contains what looks like a secret key, which every run would store; remove it"
        raise request.error(message, path, given)
    return text


def _model(request: Request, name: str) -> str:
    """Return the absolute path of a local model, or the unchanged name of a hub model."""
    try:
        if (local := local_model_path(name)) is not None:
            return str(local)
    except ConfigError as error:
        raise request.error(f"{error.file} {error.message}", ("model",), name) from None
    path = Path(name).expanduser()
    if name.startswith(".") or path.suffix == ".gguf" or not _HUB_NAME.fullmatch(name):
        raise request.error(f"there is no model {path}{did_you_mean_path(path)}", ("model",), name)
    return name


def _data(request: Request, cell: Cell, task: TaskBase) -> RunData:
    chat = task_kind(task.name) == "chat"
    for name in ("original", "synthetic", "mix") if chat else SPLIT_NAMES:
        if (value := cell[f"data.{name}"]) is not None:
            reason = "a chat dataset has only data.path" if chat else "only chat data has entries"
            message = f"{reason}; remove it for the task {task.name}"
            raise request.error(message, ("data", name), value)
    paths = {}
    for role in ("path", "original", "synthetic"):
        if (written := cell[f"data.{role}"]) is not None:
            path = Path(written.replace("{task}", task.directory))
            paths[role] = str(path.expanduser().resolve())
    mix = cell["data.mix"]
    if mix == "original":
        paths.pop("synthetic", None)
    entries = {split: cell[f"data.{split}"] for split in SPLIT_NAMES}
    label = cell["data.name"] or _label(paths, mix, entries["train"], task)
    return RunData(**paths, **entries, mix=mix, label=label)


def _label(paths: Mapping[str, str], mix: str | None, train: str | None, task: TaskBase) -> str:
    """Return the name of the data in results, made from its path or its mix."""

    def directory_name(path: Path) -> str | None:
        return None if path.name.casefold() == task.directory.casefold() else path.name

    if mix is None:
        path = Path(paths["path"])
        name = directory_name(path) or path.parent.name or "data"
        return f"{name}-{train.replace(',', '+')}" if train else name
    version = directory_name(Path(paths["synthetic"])) if "synthetic" in paths else None
    return f"{mix}-{version}" if version else mix
