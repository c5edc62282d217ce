"""How a dataset is stored on disk: one module or package per format."""

from penstock.formats._base import (
    FORMATS,
    Dataset,
    Format,
    OutputSpec,
    RowBlock,
    Shard,
    SplitShape,
    TokenRow,
    View,
    Written,
)
from penstock.formats._locate import find_dataset, find_datasets, only_dataset
from penstock.formats._merge import merge
from penstock.formats._task_jsonl import (
    REQUIRED_SPLITS,
    TASK_JSONL,
    TaskDirectory,
    find_task_directories,
    open_task_directory,
    recognise,
    row_problems,
)
from penstock.formats._tfds import ShardFile, TfdsDataset, TfdsFormat
from penstock.formats._tfds_layout import Layout as TfdsLayout
from penstock.formats._tfds_layout import missing_and_stray, read_layout

__all__ = [
    "FORMATS",
    "REQUIRED_SPLITS",
    "TASK_JSONL",
    "Dataset",
    "Format",
    "OutputSpec",
    "RowBlock",
    "Shard",
    "ShardFile",
    "SplitShape",
    "TaskDirectory",
    "TfdsDataset",
    "TfdsFormat",
    "TfdsLayout",
    "TokenRow",
    "View",
    "Written",
    "find_dataset",
    "find_datasets",
    "find_task_directories",
    "merge",
    "missing_and_stray",
    "only_dataset",
    "open_task_directory",
    "read_layout",
    "recognise",
    "row_problems",
]
