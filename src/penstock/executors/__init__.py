"""Executors: where the shards of a build and the runs of a grid are executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.config import Document, validate
from penstock.executors._base import Executor, WorkerError, usable_cores
from penstock.executors._devices import Gpu, Slot, SlotExecutor, device_slots, gpus, visible_gpus
from penstock.executors._process import ProcessOutcome, run_process
from penstock.executors.local import LocalExecutor
from penstock.registry import Registry

__all__ = [
    "EXECUTORS",
    "Executor",
    "Gpu",
    "LocalExecutor",
    "ProcessOutcome",
    "Slot",
    "SlotExecutor",
    "WorkerError",
    "device_slots",
    "executor",
    "gpus",
    "run_process",
    "usable_cores",
    "visible_gpus",
]

EXECUTORS: Registry[type[Executor]] = Registry("executor", "penstock.executors", "EXECUTOR")


def executor(
    name: str, workers: int | None = None, options: Mapping[str, Any] | None = None
) -> Executor:
    """Return the named executor with its settings; `workers` None is the executor's default.

    Raises ConfigError for an unknown executor or option and for an invalid value.
    """
    settings = {"workers": workers, **(options or {})}
    return validate(Document(settings, f"executor {name}"), EXECUTORS.get(name))
