"""One cell of the grid as a run: every value checked, completed, and made absolute."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from penstock.config import Place, config_error
from penstock.errors import ConfigError, did_you_mean, did_you_mean_beside
from penstock.experiments.request import HYPERPARAMETERS, Request
from penstock.runs import RunConfig, RunData
from penstock.tasks import Task, all_tasks

#: One value for each key, keys being dotted (`data.mix`).
Cell = Mapping[str, Any]

_HUB_NAME = re.compile(r"[\w.\-]+(/[\w.\-]+)?")


def resolve(request: Request, cell: Cell) -> RunConfig:
    """Return one cell as a run.

    Raises ConfigError, at its place in the file, for a value that does not fit.
    """
    task = find_task(request, cell["task"], ("task",))
    values = _hyperparameters(request, cell)
    for name, of_task in (
        ("dev_samples", task.dev_rows),
        ("train_as_classification", task.classification),
    ):
        if name in values and values[name] is None:
            values[name] = of_task
    return RunConfig(
        purpose=request.experiment.experiment.purpose,
        description=request.experiment.experiment.description,
        backend=request.experiment.backend,
        model=_model(request, cell["model"]),
        task=task.name,
        method=cell["method"],
        data=_data(cell, task),
        hyperparameters=values,
    )


def find_task(request: Request, name: Any, place: Place) -> Task:
    """Return the task of a registered name, or of a directory's name such as `Copa`."""
    tasks = all_tasks()
    for task in tasks:
        if str(name).casefold() in (task.name, task.directory.casefold()):
            return task
    names = [task.name for task in tasks]
    hint = did_you_mean(str(name), [*names, *(task.directory for task in tasks)])
    words = hint or f"; known: {', '.join(names)}"
    message = f"there is no task '{name}'{words}"
    raise request.document.error(message, request.value_place(place, name))


def _hyperparameters(request: Request, cell: Cell) -> dict[str, Any]:
    method = cell["method"]
    given = {
        key.removeprefix(HYPERPARAMETERS): value
        for key, value in cell.items()
        if key.startswith(HYPERPARAMETERS)
    }
    try:
        values = request.backend.hyperparameters(method).model_validate(given).model_dump()
    except ValidationError as error:
        raise _hyperparameter_error(request, method, given, error) from None
    for name, value in given.items():
        # pydantic takes true for 1; who wrote it meant something else.
        if isinstance(value, bool) and not isinstance(values[name], bool):
            message = f"must be a number, not {str(value).lower()}"
            place = _hyperparameter_place(request, method, name, value)
            raise request.document.error(message, place)
    return values


def _hyperparameter_error(
    request: Request, method: str, given: Mapping[str, Any], error: ValidationError
) -> ConfigError:
    """Say what is wrong at its place: in the method's own mapping, in a list, or in common."""
    problem = error.errors(include_url=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else ""
    place = _hyperparameter_place(request, method, name, given.get(name))
    if problem["type"] == "missing":
        return request.document.error(f"required by {method}, and not given", place)
    model = request.backend.hyperparameters(method)
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
    path = Path(name).expanduser()
    if path.is_dir() and not (path / "config.json").is_file():
        raise request.document.error(
            f"{path} is no model: it has no config.json", request.value_place(("model",), name)
        )
    if path.exists():
        return str(path.resolve())
    if name.startswith(".") or path.suffix == ".gguf" or not _HUB_NAME.fullmatch(name):
        raise request.document.error(
            f"there is no model {path}{did_you_mean_beside(path)}",
            request.value_place(("model",), name),
        )
    return name


def _data(cell: Cell, task: Task) -> RunData:
    paths = {
        name: str(_dataset(cell[f"data.{name}"], task))
        for name in ("path", "original", "synthetic")
        if cell[f"data.{name}"] is not None
    }
    mix = cell["data.mix"]
    if mix == "original":
        paths.pop("synthetic", None)
    label = cell["data.name"] or _label(paths, mix, task)
    return RunData(**paths, mix=mix, label=label)


def _dataset(written: str, task: Task) -> Path:
    return Path(written.replace("{task}", task.directory)).expanduser().resolve()


def _label(paths: Mapping[str, str], mix: str | None, task: Task) -> str:
    """Return how results call the data: by its place or its mix, never by a guess at its kind."""
    if mix is None:
        return _own_name(Path(paths["path"]), task) or Path(paths["path"]).parent.name or "data"
    version = _own_name(Path(paths["synthetic"]), task) if "synthetic" in paths else None
    return f"{mix}-{version}" if version else mix


def _own_name(path: Path, task: Task) -> str | None:
    """Return a dataset directory's name, unless it is only the task's."""
    return None if path.name.casefold() == task.directory.casefold() else path.name
