"""How a dataset lies on disk: one file, or one folder, per format."""

from penstock.formats._base import (
    Dataset,
    Format,
    RowBlock,
    Shard,
    SplitShape,
    Target,
    TokenRow,
    Written,
)
from penstock.formats._task_jsonl import (
    REQUIRED_SPLITS,
    TASK_JSONL,
    TaskDirectory,
    find_task_directories,
    open_task_directory,
    recognise,
    row_problems,
)
from penstock.registry import Registry

__all__ = [
    "FORMATS",
    "REQUIRED_SPLITS",
    "TASK_JSONL",
    "Dataset",
    "Format",
    "RowBlock",
    "Shard",
    "SplitShape",
    "Target",
    "TaskDirectory",
    "TokenRow",
    "Written",
    "find_task_directories",
    "open_task_directory",
    "recognise",
    "row_problems",
]

#: The formats that a recipe can write. Task JSONL comes from `penstock migrate`.
FORMATS: Registry[type[Format]] = Registry("format", "penstock.formats", "FORMAT")
