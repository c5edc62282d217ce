"""Tasks: one file each. `TASKS.get("copa")` finds one by name."""

from typing import Literal

from penstock.errors import ConfigError
from penstock.registry import Registry
from penstock.tasks._base import (
    ChatTask,
    GenerationTask,
    LabelWordTask,
    Row,
    Task,
    TaskBase,
)
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
    "TASKS",
    "Boolean",
    "ChatTask",
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
    "task_kind",
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


def task_kind(name: str) -> Literal["benchmark", "chat"]:
    """Return what the rows of a task are; raises ConfigError for rows that nothing can train on."""
    task = TASKS.get(name)
    if isinstance(task, Task):
        return "benchmark"
    if isinstance(task, ChatTask):
        return "chat"
    raise ConfigError(f"the task '{name}' is neither a Task nor a ChatTask of penstock.tasks")
