"""Tasks, one file each: `TASKS.get("copa")` returns one by name."""

from typing import Literal

from penstock.errors import ConfigError
from penstock.registry import Registry
from penstock.tasks._base import ChatTask, GenerationTask, LabelWordTask, Row, Task, TaskBase, f1
from penstock.tasks._fields import (
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
    "f1",
    "task_kind",
]

TASKS: Registry[TaskBase] = Registry("task", "penstock.tasks", "TASK")


def all_tasks() -> list[Task]:
    """Return every benchmark task, sorted by name."""
    tasks = (TASKS.get(name) for name in TASKS.names())
    return [task for task in tasks if isinstance(task, Task)]


def benchmark_task(name: str) -> Task:
    """Return a benchmark task by name; raises ConfigError for any other task."""
    task = TASKS.get(name)
    if not isinstance(task, Task):
        raise ConfigError(f"'{name}' is no benchmark task: it has no files or rows of its own")
    return task


def task_kind(name: str) -> Literal["benchmark", "chat"]:
    """Return the kind of a task's rows; raises ConfigError for rows that nothing can train on."""
    task = TASKS.get(name)
    if isinstance(task, Task):
        return "benchmark"
    if isinstance(task, ChatTask):
        return "chat"
    raise ConfigError(f"the task '{name}' is neither a Task nor a ChatTask of penstock.tasks")
