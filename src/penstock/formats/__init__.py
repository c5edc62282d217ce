"""How a dataset lies on disk: one file, or one folder, per format."""

from penstock.formats.task_jsonl import (
    FORMAT,
    REQUIRED_SPLITS,
    TaskDirectory,
    find_task_directories,
    open_task_directory,
)

__all__ = [
    "FORMAT",
    "REQUIRED_SPLITS",
    "TaskDirectory",
    "find_task_directories",
    "open_task_directory",
]
