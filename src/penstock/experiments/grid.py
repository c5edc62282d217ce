"""The grid of an experiment: the product of its lists, with zipped keys and excluded cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from penstock.config import Document, KeyPath
from penstock.errors import did_you_mean
from penstock.experiments.cells import DATA_KEYS, HYPERPARAMETERS, Cell, Request, resolve_cell
from penstock.experiments.schema import Experiment
from penstock.runs import RunConfig


def expand(experiment: Experiment, document: Document) -> tuple[list[RunConfig], list[str]]:
    """Return every run of the experiment in the order of its lists, and notes for the user.

    A hyperparameter that a method does not have is ignored for that method, which is noted. Raises
    ConfigError, with the location in the file, for an invalid key or value.
    """
    request = Request(experiment, document)
    notes = _unused_hyperparameters(request)
    groups = _zip_groups(request)
    rules = [_exclude_rule(request, index) for index in range(len(experiment.exclude))]
    used = [False] * len(rules)
    configs = []
    for method in request.methods:
        for cell in _cells(request, _lists(request, method), groups):
            config = resolve_cell(request, cell)
            matches = [_matches(rule, cell, config) for rule in rules]
            used = [before or now for before, now in zip(used, matches, strict=True)]
            if not any(matches):
                configs.append(config)
    if not configs:
        raise document.error("excludes every run", ("exclude",))
    _check_unique_names(configs, document)
    notes += [f"exclude[{index}] matches no run" for index, seen in enumerate(used) if not seen]
    return configs, notes


def _unused_hyperparameters(request: Request) -> list[str]:
    """Note which common hyperparameters a method does not have; raise for unknown ones."""
    notes = []
    known = [k.removeprefix(HYPERPARAMETERS) for k in request.keys if k.startswith(HYPERPARAMETERS)]
    for name in request.experiment.hyperparameters:
        if name not in known:
            message = f"unknown key{did_you_mean(name, known)}"
            raise request.error(message, ("hyperparameters", name))
        without = [method for method in request.methods if name not in request.fields(method)]
        if without:
            notes.append(f"hyperparameters.{name} is not used by {', '.join(without)}")
    return notes


def _lists(request: Request, method: str) -> dict[str, list[Any]]:
    """Return the values of every key for one method, in the order of the file."""
    experiment, own, fields = request.experiment, request.methods[method], request.fields(method)
    for name in own:
        if name not in fields:
            message = f"{method} has no such hyperparameter{did_you_mean(name, fields)}"
            raise request.error(message, ("method", method, name))
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
            path: KeyPath = ("method", method, name) if name in own else tuple(key.split("."))
            raise request.error("the list is empty", path)
    return lists


def _zip_groups(request: Request) -> dict[str, int]:
    """Return the index of the zip group of each zipped key."""
    groups: dict[str, int] = {}
    for index, names in enumerate(request.experiment.zip):
        for position, name in enumerate(names):
            path = ("zip", index, position)
            key = request.full_key(name, path)
            if key == "method":
                message = "methods cannot be zipped; write the values of each under method"
                raise request.error(message, path)
            if not request.has_value(key):
                raise request.error(f"{key} has no value to zip", path)
            if key in groups:
                raise request.error(f"{key} is in zip twice", path)
            groups[key] = index
    return groups


def _cells(
    request: Request, lists: Mapping[str, list[Any]], groups: Mapping[str, int]
) -> Iterator[Cell]:
    """Yield the product of all lists; those of one zip group count as one list of tuples."""
    dimensions: dict[str | int, list[str]] = {}
    for key in lists:
        dimensions.setdefault(groups.get(key, key), []).append(key)
    for group, keys in dimensions.items():
        if len({len(lists[key]) for key in keys}) > 1:
            lengths = ", ".join(f"{key} has {len(lists[key])}" for key in keys)
            message = f"zipped lists must have the same length; {lengths}"
            raise request.error(message, ("zip", group))
    names = [key for keys in dimensions.values() for key in keys]
    axes = (zip(*(lists[key] for key in keys), strict=True) for keys in dimensions.values())
    for values in product(*axes):
        yield dict(zip(names, (v for chosen in values for v in chosen), strict=True))


def _exclude_rule(request: Request, index: int) -> Mapping[str, list[Any]]:
    written = request.experiment.exclude[index]
    if not written:
        raise request.error("an empty rule would exclude every run", ("exclude", index))
    rule: dict[str, list[Any]] = {}
    for name, wanted in written.items():
        path = ("exclude", index, name)
        key = request.full_key(name, path)
        if key in rule:
            raise request.error(f"{key} is in the rule twice", path)
        values = wanted if isinstance(wanted, list) else [wanted]
        if key == "task":
            values = [request.find_task(value, path).name for value in values]
        rule[key] = values
    return rule


def _matches(rule: Mapping[str, list[Any]], cell: Cell, config: RunConfig) -> bool:
    """Return True if a cell has a value of the rule for each of its keys, defaults included."""
    resolved = {HYPERPARAMETERS + name: v for name, v in config.hyperparameters.items()}
    values = {**cell, **resolved, "task": config.task}
    return all(key in values and values[key] in wanted for key, wanted in rule.items())


def _check_unique_names(configs: Sequence[RunConfig], document: Document) -> None:
    """Refuse two models, or two datasets of a task, with the same name in the results.

    Comparisons group runs by these names and would average over both.
    """
    models: dict[str, str] = {}
    datasets: dict[tuple[str, str], str] = {}
    for config in configs:
        label, data = config.model_label, config.data
        other = models.setdefault(label, config.model)
        if other != config.model:
            raise document.error(
                f"{other} and {config.model} would both be named '{label}' in the results; rename "
                "one, or give them different purposes",
                ("model",),
            )
        parts = data.model_dump(exclude={"label"}, exclude_none=True)
        described = ", ".join(f"{key} {value}" for key, value in parts.items())
        known = datasets.setdefault((config.task, data.label), described)
        if known != described:
            raise document.error(
                f"({known}) and ({described}) would both be named '{data.label}' in the results; "
                "set data.name to a list of names and zip it with the list of datasets",
                ("data",),
            )
