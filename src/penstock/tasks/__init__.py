"""Tasks: one file each. `TASKS.get("copa")` finds one by name."""

from penstock.errors import ConfigError
from penstock.registry import Registry
from penstock.tasks._base import SPLITS, GenerationTask, LabelWordTask, Row, Task, TaskBase
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
    "TaskBase",
    "Text",
    "all_tasks",
    "benchmark_task",
]

TASKS: Registry[TaskBase] = Registry("task", "penstock.tasks", "TASK")


def all_tasks() -> list[Task]:
    """Return every benchmark task that is known, in the order of their names."""
    tasks = (TASKS.get(name) for name in TASKS.names())
    return [task for task in tasks if isinstance(task, Task)]


def benchmark_task(name: str) -> Task:
    """Return the benchmark task of a name; raises ConfigError for a task that is none."""
    task = TASKS.get(name)
    if not isinstance(task, Task):
        raise ConfigError(f"'{name}' is no benchmark task: it has no files and rows of its own")
    return task
