"""Experiment texts and their plans, for tests that train nothing."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from penstock import load_experiment
from penstock.errors import ConfigError
from penstock.experiments import GridPlan

#: An experiment of the trainer penstock; tests replace top-level keys.
KEYS = {
    "experiment": "{purpose: p}",
    "model": "some-org/some-model",
    "task": "Copa",
    "method": "zo",
    "data": "{path: data/original/Copa}",
    "hyperparameters": "{learning_rate: 1e-6}",
}


def write(**keys: str | None) -> Path:
    """Write `e.yaml` with some keys replaced (None: removed), and return its path."""
    path = Path("e.yaml")
    lines = {**KEYS, **keys}.items()
    path.write_text("".join(f"{key}: {value}\n" for key, value in lines if value is not None))
    return path


def plan(*overrides: str, **keys: str | None) -> GridPlan:
    """Return the plan of an experiment with some keys replaced."""
    return load_experiment(write(**keys), overrides)


def plan_text(text: str, *overrides: str) -> GridPlan:
    """Return the plan of an experiment text."""
    path = Path("e.yaml")
    path.write_text(dedent(text))
    return load_experiment(path, overrides)


def refusal(*overrides: str, **keys: str | None) -> str:
    """Return the error message for an experiment."""
    with pytest.raises(ConfigError) as refused:
        plan(*overrides, **keys)
    return str(refused.value)


def values(grid: GridPlan, *names: str) -> list[tuple[Any, ...]]:
    """Return the values of each run for some names: `method`, `mix`, or hyperparameters."""
    found = []
    for run in grid.runs:
        known = {
            "model": run.config.model,
            "task": run.config.task,
            "method": run.config.method,
            "label": run.config.data.label,
            "mix": run.config.data.mix,
            **run.config.hyperparameters,
        }
        found.append(tuple(known.get(name) for name in names))
    return found
