"""How a dataset lies on disk: one file, or one folder, per format."""

from penstock.formats._base import (
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
from penstock.formats._finding import find_dataset, find_datasets, only_dataset
from penstock.formats._merging import merge
from penstock.formats._registry import FORMATS
from penstock.formats._task_jsonl import (
    REQUIRED_SPLITS,
    TASK_JSONL,
    TaskDirectory,
    find_task_directories,
    open_task_directory,
    recognise,
    row_problems,
)
from penstock.formats._tfds import Layout as TfdsLayout
from penstock.formats._tfds import missing_and_strange, read_layout
from penstock.formats._tfds_format import TfdsFormat
from penstock.formats._tfds_reading import TfdsDataset

__all__ = [
    "FORMATS",
    "REQUIRED_SPLITS",
    "TASK_JSONL",
    "Dataset",
    "Format",
    "OutputSpec",
    "RowBlock",
    "Shard",
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
    "missing_and_strange",
    "only_dataset",
    "open_task_directory",
    "read_layout",
    "recognise",
    "row_problems",
]
