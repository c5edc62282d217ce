"""Configurations and records of runs."""

from __future__ import annotations

from typing import Any

from penstock.runs import ModelUse, RunConfig, RunData, RunRecord, State


def a_config(**changes: Any) -> RunConfig:
    """Return the configuration of a COPA run with some values replaced."""
    values: dict[str, Any] = {
        "purpose": "baseline",
        "model": "org/name-135M",
        "task": "copa",
        "method": "zo",
        "data": RunData(path="/data/Copa", label="original"),
        "hyperparameters": {"learning_rate": 1e-6, "steps": 10, "seed": 0},
    }
    return RunConfig(**(values | changes))


def a_record(**changes: Any) -> RunRecord:
    """Return the record of a running run with some values replaced."""
    values: dict[str, Any] = {
        "identity": "0123456789abcdef",
        "state": State.RUNNING,
        "config": a_config(),
        "command": ["python", "-m", "penstock.training", "DIRECTORY"],
        "device": "cpu",
        "host": "somewhere",
        "pid": 4711,
        "started": "2024-01-31T12:00:00+00:00",
        "model": ModelUse(name="org/name-135M"),
        "datasets": [],
    }
    return RunRecord(**(values | changes))
