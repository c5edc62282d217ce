"""Lists to runs: the product of every list, with zip and exclude, method by method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from penstock.backends import BACKENDS, Backend
from penstock.config import Document, Place, config_error
from penstock.errors import ConfigError, did_you_mean
from penstock.experiments.schema import Experiment
from penstock.runs import RunConfig, RunData
from penstock.tasks import TASKS, Task, all_tasks

#: A cell of the grid: one value for each key, keys being dotted (`data.mix`).
Cell = dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """The runs of an experiment, in the order of the file's lists, and what is worth knowing."""

    configs: list[RunConfig]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Axis:
    """Keys that change together, and the places of their values in the file."""

    keys: tuple[str, ...]
    values: list[tuple[Any, ...]]


def expand(experiment: Experiment, document: Document) -> Grid:
    """Return every run that the experiment asks for, each with every value fixed.

    A hyperparameter that a method does not have is no dimension of that method's runs; one that no
    method of the experiment has is noted. Raises ConfigError, at its place in the file, for what
    does not fit.
    """
    backend = BACKENDS.get(experiment.backend)
    notes = _unused_notes(experiment, backend, document)
    configs: list[RunConfig] = []
    excluded = [False] * len(experiment.exclude)
    _check_exclude(experiment, document)
    for method, own in _methods(experiment, backend, document).items():
        model = backend.hyperparameters(method)
        axes = _axes(experiment, document, method, own, model)
        for cell in _cells(axes):
            matching = [i for i, rule in enumerate(experiment.exclude) if _matches(rule, cell)]
            for index in matching:
                excluded[index] = True
            if not matching:
                configs.append(_config(experiment, document, cell, model))
    notes += [
        f"exclude[{index}] leaves out nothing" for index, used in enumerate(excluded) if not used
    ]
    if not configs:
        raise document.error("leaves out every run", ("exclude",))
    return Grid(configs, notes)


def _methods(
    experiment: Experiment, backend: Backend, document: Document
) -> dict[str, dict[str, Any]]:
    """Return each method with its own hyperparameters."""
    given = experiment.method
    if isinstance(given, str):
        given = [given]
    methods = (
        {name: own or {} for name, own in given.items()}
        if isinstance(given, dict)
        else {name: {} for name in given}
    )
    known = backend.methods()
    for name in methods:
        if name not in known:
            raise document.error(
                f"there is no method '{name}'{did_you_mean(name, known)} Known: {', '.join(known)}",
                ("method", name) if isinstance(experiment.method, dict) else ("method",),
            )
    return methods


def _axes(
    experiment: Experiment,
    document: Document,
    method: str,
    own: Mapping[str, Any],
    model: type[BaseModel],
) -> list[_Axis]:
    """Return the dimensions of one method's runs, in the order of the file."""
    values: dict[str, Any] = {
        "model": experiment.model,
        "task": experiment.task,
        "method": method,
        **{
            f"data.{name}": getattr(experiment.data, name)
            for name in ("path", "original", "synthetic", "mix", "name")
        },
    }
    for name, value in experiment.hyperparameters.items():
        if name in model.model_fields:
            values[f"hyperparameters.{name}"] = value
    for name, value in own.items():
        if name not in model.model_fields:
            raise document.error(
                f"{method} has no such hyperparameter{did_you_mean(name, model.model_fields)}",
                ("method", method, name),
            )
        values[f"hyperparameters.{name}"] = value
    lists = {key: value if isinstance(value, list) else [value] for key, value in values.items()}
    for key, items in lists.items():
        if not items:
            raise document.error("an empty list has no value", tuple(key.split(".")))
    return _zipped(experiment, document, lists)


def _zipped(experiment: Experiment, document: Document, lists: dict[str, list[Any]]) -> list[_Axis]:
    """Join the lists that `zip` names into one axis each."""
    group_of: dict[str, int] = {}
    for index, group in enumerate(experiment.zip):
        for name in group:
            key = _full_key(name, experiment, document, ("zip", index))
            if key in group_of:
                raise document.error(f"{key} stands in two groups", ("zip", index))
            group_of[key] = index
    axes: list[_Axis] = []
    done: set[int] = set()
    for key in lists:
        group_index = group_of.get(key)
        if group_index is None:
            axes.append(_Axis((key,), [(value,) for value in lists[key]]))
        elif group_index not in done:
            done.add(group_index)
            keys = tuple(k for k in lists if group_of.get(k) == group_index)
            lengths = {k: len(lists[k]) for k in keys}
            if len(set(lengths.values())) > 1:
                said = ", ".join(f"{k} has {n}" for k, n in lengths.items())
                raise document.error(
                    f"lists that go side by side must be equally long; {said}",
                    ("zip", group_index),
                )
            axes.append(_Axis(keys, list(zip(*(lists[k] for k in keys), strict=True))))
    return axes


def _cells(axes: Sequence[_Axis]) -> Iterator[Cell]:
    for chosen in product(*(axis.values for axis in axes)):
        yield {
            key: value
            for axis, values in zip(axes, chosen, strict=True)
            for key, value in zip(axis.keys, values, strict=True)
        }


def _full_key(
    name: str, experiment: Experiment, document: Document, place: tuple[str | int, ...]
) -> str:
    """Return the dotted key that a name in zip or exclude means; it may be given short."""
    known = _known_keys(experiment)
    for candidate in (name, f"hyperparameters.{name}", f"data.{name}"):
        if candidate in known:
            return candidate
    short = [key.rpartition(".")[2] for key in known]
    raise document.error(f"there is no key '{name}' here{did_you_mean(name, short)}", place)


def _known_keys(experiment: Experiment) -> list[str]:
    backend = BACKENDS.get(experiment.backend)
    names = {n for m in backend.methods() for n in backend.hyperparameters(m).model_fields}
    return [
        "model",
        "task",
        "method",
        *(f"data.{name}" for name in ("path", "original", "synthetic", "mix", "name")),
        *(f"hyperparameters.{name}" for name in sorted(names)),
    ]


def _check_exclude(experiment: Experiment, document: Document) -> None:
    for index, rule in enumerate(experiment.exclude):
        if not rule:
            raise document.error("an empty rule would leave out every run", ("exclude", index))
        for name in list(rule):
            rule[_full_key(name, experiment, document, ("exclude", index, name))] = rule.pop(name)


def _matches(rule: Mapping[str, Any], cell: Cell) -> bool:
    return all(
        key in cell and cell[key] in (wanted if isinstance(wanted, list) else [wanted])
        for key, wanted in rule.items()
    )


def _config(
    experiment: Experiment, document: Document, cell: Cell, model: type[BaseModel]
) -> RunConfig:
    """Return one cell as a run, its hyperparameters checked and completed."""
    task = _task(cell["task"], document)
    prefix = "hyperparameters."
    given = {
        key.removeprefix(prefix): value for key, value in cell.items() if key.startswith(prefix)
    }
    try:
        values = model.model_validate(given).model_dump()
    except ValidationError as error:
        raise _hyperparameter_error(error, document, cell["method"], model, given) from None
    for name, of_task in (
        ("dev_samples", task.dev_rows),
        ("train_as_classification", task.classification),
    ):
        if name in values and values[name] is None:
            values[name] = of_task
    return RunConfig(
        purpose=experiment.experiment.purpose,
        description=experiment.experiment.description,
        backend=experiment.backend,
        model=_local_path(cell["model"]),
        task=task.name,
        method=cell["method"],
        data=_data(cell, task),
        hyperparameters=values,
    )


def _hyperparameter_error(
    error: ValidationError,
    document: Document,
    method: str,
    model: type[BaseModel],
    given: Mapping[str, Any],
) -> ConfigError:
    """Find the place of a wrong value: in the method's own mapping, in a list, or in common."""
    problem = error.errors(include_url=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else ""
    prefix: Place = ("hyperparameters",)
    if ("method", method, name) in document.places:
        prefix = ("method", method)
    if problem["type"] == "missing":
        return document.error("required, and not given", (*prefix, name))
    place: Place = (*prefix, name)
    value: Any = document.data
    for part in place:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, list) and name in given and given[name] in value:
        message = config_error(error, document, model, prefix).message
        return document.error(message, (*place, value.index(given[name])))
    return config_error(error, document, model, prefix)


def _task(name: Any, document: Document) -> Task:
    """Return the task of a registered name, or of a directory's name such as `Copa`."""
    for task in all_tasks():
        if str(name).casefold() in (task.name, task.directory.casefold()):
            return task
    try:
        return TASKS.get(str(name))
    except ConfigError as error:
        raise document.error(error.message, ("task",)) from None


def _data(cell: Cell, task: Task) -> RunData:
    paths = {
        name: str(Path(str(cell[f"data.{name}"]).replace("{task}", task.directory)).resolve())
        for name in ("path", "original", "synthetic")
        if cell[f"data.{name}"] is not None
    }
    mix = cell["data.mix"]
    if mix == "original":
        paths.pop("synthetic", None)
    label = cell["data.name"] or _label(paths, mix, task)
    return RunData(**paths, mix=mix, label=label)


def _label(paths: Mapping[str, str], mix: str | None, task: Task) -> str:
    """Return how results call the data: by its place or its mix, never by a guess at its kind."""
    if mix is None:
        return _own_name(Path(paths["path"]), task) or Path(paths["path"]).parent.name
    version = _own_name(Path(paths["synthetic"]), task) if "synthetic" in paths else None
    return f"{mix}-{version}" if version else mix


def _own_name(path: Path, task: Task) -> str | None:
    """Return a dataset directory's name, unless it is only the task's."""
    return None if path.name.casefold() == task.directory.casefold() else path.name


def _local_path(model: str) -> str:
    """Return a model that lies here as an absolute path, and a hub name as it is."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() else model


def _unused_notes(experiment: Experiment, backend: Backend, document: Document) -> list[str]:
    """Say which common hyperparameters some or all methods do not use; refuse unknown ones."""
    methods = list(_methods(experiment, backend, document))
    everywhere = {n for m in backend.methods() for n in backend.hyperparameters(m).model_fields}
    notes = []
    for name in experiment.hyperparameters:
        if name not in everywhere:
            raise document.error(
                f"unknown key{did_you_mean(name, everywhere)}", ("hyperparameters", name)
            )
        without = [m for m in methods if name not in backend.hyperparameters(m).model_fields]
        if without:
            notes.append(f"hyperparameters.{name} is not used by {', '.join(without)}")
    return notes
