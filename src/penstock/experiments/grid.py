"""Lists to runs: the product of every list, method by method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from penstock.config import Document, Place
from penstock.errors import did_you_mean
from penstock.experiments.cells import Cell, resolve
from penstock.experiments.exclusion import Exclusion
from penstock.experiments.request import DATA_KEYS, HYPERPARAMETERS, Request
from penstock.experiments.schema import Experiment
from penstock.experiments.zipping import Axis, join, zip_groups
from penstock.runs import RunConfig


@dataclass(frozen=True)
class Grid:
    """The runs of an experiment, in the order of the file's lists, and what is worth knowing."""

    configs: list[RunConfig]
    notes: list[str] = field(default_factory=list)


def expand(experiment: Experiment, document: Document) -> Grid:
    """Return every run that the experiment asks for, each with every value fixed.

    A hyperparameter that a method does not have is no dimension of that method's runs, which is
    noted. Raises ConfigError, at its place in the file, for what does not fit.
    """
    request = Request(experiment, document)
    notes = _unused(request)
    groups = zip_groups(request)
    exclusion = Exclusion(request)
    configs = []
    for method in request.methods:
        for cell in _cells(join(request, _lists(request, method), groups)):
            config = resolve(request, cell)
            if not exclusion.leaves_out(cell, config):
                configs.append(config)
    if not configs:
        raise document.error("leaves out every run", ("exclude",))
    _refuse_shared_names(configs, document)
    return Grid(configs, notes + exclusion.notes())


def _unused(request: Request) -> list[str]:
    """Say which common hyperparameters a method does not have; refuse those that none has."""
    notes = []
    known = [k.removeprefix(HYPERPARAMETERS) for k in request.keys if k.startswith(HYPERPARAMETERS)]
    for name in request.experiment.hyperparameters:
        if name not in known:
            raise request.document.error(
                f"unknown key{did_you_mean(name, known)}", ("hyperparameters", name)
            )
        without = [method for method in request.methods if name not in request.fields(method)]
        if without:
            notes.append(f"hyperparameters.{name} is not used by {', '.join(without)}")
    return notes


def _lists(request: Request, method: str) -> dict[str, list[Any]]:
    """Return every key of one method's runs with its values, in the order of the file."""
    experiment, own, fields = request.experiment, request.methods[method], request.fields(method)
    for name in own:
        if name not in fields:
            raise request.document.error(
                f"{method} has no such hyperparameter{did_you_mean(name, fields)}",
                ("method", method, name),
            )
    hyperparameters = {k: v for k, v in experiment.hyperparameters.items() if k in fields} | own
    values = {
        "model": experiment.model,
        "task": experiment.task,
        "method": method,
        **{f"data.{name}": getattr(experiment.data, name) for name in DATA_KEYS},
        **{f"{HYPERPARAMETERS}{name}": value for name, value in hyperparameters.items()},
    }
    lists = {key: value if isinstance(value, list) else [value] for key, value in values.items()}
    for key, items in lists.items():
        if not items:
            name = key.removeprefix(HYPERPARAMETERS)
            place: Place = ("method", method, name) if name in own else tuple(key.split("."))
            raise request.document.error("an empty list has no value", place)
    return lists


def _cells(axes: Sequence[Axis]) -> Iterator[Cell]:
    for chosen in product(*(axis.values for axis in axes)):
        yield {
            key: value
            for axis, values in zip(axes, chosen, strict=True)
            for key, value in zip(axis.keys, values, strict=True)
        }


def _refuse_shared_names(configs: Sequence[RunConfig], document: Document) -> None:
    """Refuse two models, or two datasets of a task, that results would call by one name.

    Comparisons tell runs apart by these names, and would take the mean over both.
    """
    models: dict[str, str] = {}
    datasets: dict[tuple[str, str], str] = {}
    for config in configs:
        label, data = config.model_label, config.data
        other = models.setdefault(label, config.model)
        if other != config.model:
            raise document.error(
                f"results would call both {other} and {config.model} '{label}'; rename one, or "
                "train them under purposes of their own",
                ("model",),
            )
        parts = data.model_dump(exclude={"label"}, exclude_none=True)
        said = ", ".join(f"{key} {value}" for key, value in parts.items())
        known = datasets.setdefault((config.task, data.label), said)
        if known != said:
            raise document.error(
                f"results would call both ({known}) and ({said}) '{data.label}'; give data.name "
                "a list, and zip it with the list that they differ in",
                ("data",),
            )
