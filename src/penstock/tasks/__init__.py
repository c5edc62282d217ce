"""Benchmark tasks: one file each. `TASKS.get("copa")` finds one by name."""

from penstock.registry import Registry
from penstock.tasks._base import SPLITS, GenerationTask, LabelWordTask, Row, Task
from penstock.tasks._schema import (
    Boolean,
    Choice,
    Integer,
    Kind,
    Label,
    ListOf,
    Number,
    Record,
    Text,
)

__all__ = [
    "SPLITS",
    "TASKS",
    "Boolean",
    "Choice",
    "GenerationTask",
    "Integer",
    "Kind",
    "Label",
    "LabelWordTask",
    "ListOf",
    "Number",
    "Record",
    "Row",
    "Task",
    "Text",
    "all_tasks",
]

TASKS: Registry[Task] = Registry("task", "penstock.tasks", "TASK")


def all_tasks() -> list[Task]:
    """Return every known task, in the order of their names."""
    return [TASKS.get(name) for name in TASKS.names()]
