"""One cell of the grid as a run: values validated, defaults filled in, paths made absolute."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from penstock.config import KeyPath, config_error
from penstock.errors import ConfigError, did_you_mean_path
from penstock.experiments.request import HYPERPARAMETERS, Request
from penstock.redaction import looks_secret
from penstock.runs import RunConfig, RunData, local_model_path
from penstock.splits import SPLIT_NAMES
from penstock.tasks import TaskBase, task_kind

#: One value per dotted key (`data.mix`).
Cell = Mapping[str, Any]

_HUB_NAME = re.compile(r"[\w.\-]+(/[\w.\-]+)?")


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
