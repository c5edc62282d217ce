"""One cell of the grid as a run: every value checked, completed, and made absolute."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from penstock.config import Place, config_error
from penstock.errors import ConfigError, did_you_mean, did_you_mean_beside
from penstock.experiments.request import HYPERPARAMETERS, Request
from penstock.redaction import looks_secret
from penstock.runs import RunConfig, RunData, place_of_model
from penstock.splits import SPLIT_NAMES
from penstock.tasks import TASKS, TaskBase, task_kind

#: One value for each key, keys being dotted (`data.mix`).
Cell = Mapping[str, Any]

_HUB_NAME = re.compile(r"[\w.\-]+(/[\w.\-]+)?")


def resolve(request: Request, cell: Cell) -> RunConfig:
    """Return one cell as a run.

    Raises ConfigError, at its place in the file, for a value that does not fit.
    """
    task = find_task(request, cell["task"], ("task",))
    values = _hyperparameters(request, cell, task)
    for name, of_task in (
        ("dev_samples", task.dev_rows),
        ("train_as_classification", task.classification),
    ):
        if name in values and values[name] is None:
            values[name] = of_task
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
    _verify(request, config)
    return config


def _verify(request: Request, config: RunConfig) -> None:
    """Refuse, at its place in the file, what the trainer cannot carry."""
    try:
        request.trainer.verify(config)
    except ConfigError as error:
        place = tuple((error.field or "trainer").split("."))
        raise request.document.error(error.message, place) from None


def find_task(request: Request, name: Any, place: Place) -> TaskBase:
    """Return the task of a registered name, or of a directory's name such as `Copa`."""
    tasks = [TASKS.get(known) for known in TASKS.names()]
    for task in tasks:
        if str(name).casefold() in (task.name, task.directory.casefold()):
            try:
                task_kind(task.name)
            except ConfigError as error:
                where = request.value_place(place, name)
                raise request.document.error(error.message, where) from None
            return task
    names = [task.name for task in tasks]
    hint = did_you_mean(str(name), [*names, *(task.directory for task in tasks)])
    words = hint or f"; known: {', '.join(names)}"
    message = f"there is no task '{name}'{words}"
    raise request.document.error(message, request.value_place(place, name))


def _hyperparameters(request: Request, cell: Cell, task: TaskBase) -> dict[str, Any]:
    method = cell["method"]
    given = {
        key.removeprefix(HYPERPARAMETERS): value
        for key, value in cell.items()
        if key.startswith(HYPERPARAMETERS)
    }
    fields = request.fields(method)
    defaults = {name: value for name, value in task.defaults.items() if name in fields}
    try:
        model = request.trainer.hyperparameters(method)
        values = model.model_validate(defaults | given).model_dump()
    except ValidationError as error:
        raise _hyperparameter_error(request, method, given, error) from None
    for name, value in given.items():
        # pydantic takes true for 1; who wrote it meant something else.
        if isinstance(value, bool) and not isinstance(values[name], bool):
            message = f"must be a number, not {str(value).lower()}"
            place = _hyperparameter_place(request, method, name, value)
            raise request.document.error(message, place)
    for name in _of_other_tasks(model, task):
        if given.get(name) is not None:
            message = f"means nothing for the task {task.name}; leave it out"
            place = _hyperparameter_place(request, method, name, given[name])
            raise request.document.error(message, place)
        del values[name]
    return values


def _of_other_tasks(model: type[BaseModel], task: TaskBase) -> list[str]:
    """Return the hyperparameters that mean nothing for a task, as their fields say."""
    kind = task_kind(task.name)
    said = {name: field.json_schema_extra for name, field in model.model_fields.items()}
    return [
        name
        for name, extra in said.items()
        if isinstance(extra, dict) and extra.get("task", kind) != kind
    ]


def _template(request: Request, method: str, given: str | None) -> str | None:
    """Return a chat template itself: the run is decided by its text, not by its place."""
    if given is None:
        return None
    place = _hyperparameter_place(request, method, "chat_template", given)
    text = given
    if "{" not in given:
        try:
            text = Path(given).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            hint = did_you_mean_beside(Path(given))
            message = f"{given} cannot be read ({error}){hint}"
            raise request.document.error(message, place) from None
    if looks_secret(text):
        message = "holds what looks like a key, and each run would keep it; take it out"
        raise request.document.error(message, place)
    return text


def _hyperparameter_error(
    request: Request, method: str, given: Mapping[str, Any], error: ValidationError
) -> ConfigError:
    """Say what is wrong at its place: in the method's own mapping, in a list, or in common."""
    problem = error.errors(include_url=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else ""
    place = _hyperparameter_place(request, method, name, given.get(name))
    if problem["type"] == "missing":
        return request.document.error(f"required by {method}, and not given", place)
    model = request.trainer.hyperparameters(method)
    message = config_error(error, request.document, model, ("hyperparameters",)).message
    return request.document.error(message, place)


def _hyperparameter_place(request: Request, method: str, name: str, value: Any) -> Place:
    if not name:  # two values that do not go together
        return ("hyperparameters",)
    own: Place = ("method", method, name)
    known = own in request.document.places
    return request.value_place(own if known else ("hyperparameters", name), value)


def _model(request: Request, name: str) -> str:
    """Return a model that lies here as an absolute path, and a hub name as it is."""
    try:
        if (place := place_of_model(name)) is not None:
            return str(place)
    except ConfigError as error:
        message = f"{error.file} {error.message}"
        raise request.document.error(message, request.value_place(("model",), name)) from None
    path = Path(name).expanduser()
    if name.startswith(".") or path.suffix == ".gguf" or not _HUB_NAME.fullmatch(name):
        raise request.document.error(
            f"there is no model {path}{did_you_mean_beside(path)}",
            request.value_place(("model",), name),
        )
    return name


def _data(request: Request, cell: Cell, task: TaskBase) -> RunData:
    _require_fitting(request, cell, task)
    paths = {
        name: str(_dataset(cell[f"data.{name}"], task))
        for name in ("path", "original", "synthetic")
        if cell[f"data.{name}"] is not None
    }
    mix = cell["data.mix"]
    if mix == "original":
        paths.pop("synthetic", None)
    entries = {split: cell[f"data.{split}"] for split in SPLIT_NAMES}
    label = cell["data.name"] or _label(paths, mix, entries["train"], task)
    return RunData(**paths, **entries, mix=mix, label=label)


def _require_fitting(request: Request, cell: Cell, task: TaskBase) -> None:
    """Refuse keys of `data` that the task has no use for."""
    of_tasks, benchmark = ("original", "synthetic", "mix"), task_kind(task.name) == "benchmark"
    for name in SPLIT_NAMES if benchmark else of_tasks:
        if (value := cell[f"data.{name}"]) is not None:
            kind = "a benchmark task has its files by name" if benchmark else "chat has one path"
            place = request.value_place(("data", name), value)
            raise request.document.error(f"{kind}; leave it out for {task.name}", place)


def _dataset(written: str, task: TaskBase) -> Path:
    return Path(written.replace("{task}", task.directory)).expanduser().resolve()


def _label(paths: Mapping[str, str], mix: str | None, train: str | None, task: TaskBase) -> str:
    """Return how results call the data: by its place or its mix, never by a guess at its kind."""
    if mix is None:
        path = Path(paths["path"])
        name = _own_name(path, task) or path.parent.name or "data"
        return f"{name}-{train.replace(',', '+')}" if train else name
    version = _own_name(Path(paths["synthetic"]), task) if "synthetic" in paths else None
    return f"{mix}-{version}" if version else mix


def _own_name(path: Path, task: TaskBase) -> str | None:
    """Return a dataset directory's name, unless it is only the task's."""
    return None if path.name.casefold() == task.directory.casefold() else path.name
