"""Where shards and runs are carried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.config import Document, validate
from penstock.executors._base import Executor, WorkerError, usable_cores
from penstock.executors._gpus import Gpu, gpus
from penstock.executors._process import ProcessOutcome, run_process
from penstock.executors._slots import Slot, SlotExecutor, device_slots, visible_gpus
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
    """Return the executor of a name with its settings.

    `workers` None takes what the executor thinks best. Raises ConfigError, with the nearest name,
    for an executor or an option that there is not, and for a value that does not fit.
    """
    kind = EXECUTORS.get(name)
    settings = {"workers": workers, **(options or {})}
    return validate(Document(settings, f"executor {name}"), kind)
