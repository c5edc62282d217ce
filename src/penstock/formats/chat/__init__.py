"""Chat rows for LLaMA-Factory (0.9.5): `dataset_info.json` and the files that it names.

paraphrase/
  paws_paraphrase_train.jsonl           lines {"messages": [...]}: rows of some sources
  paraphrase_combined_train.jsonl       rows of all sources; also _eval and _test
  paraphrase_combined.json              an array of rows
  dataset_info.json                     one entry per file
  penstock.json
"""

from penstock.formats.chat._format import Chat
from penstock.formats.chat.contents import (
    DirectoryContents,
    FileContents,
    distinct_files,
)
from penstock.formats.chat.dataset_info import (
    DATASET_INFO,
    LOCATIONS,
    TAGS,
    DatasetEntry,
    entry_of,
    read_dataset_info,
)
from penstock.formats.chat.entry_problems import EntryProblem, problem_with_rows, problems_of_entry
from penstock.formats.chat.messages import (
    ChatRow,
    Message,
    Problem,
    messages_of,
    messages_of_turns,
    problem_of,
    to_alpaca,
)
from penstock.formats.chat.reading import (
    PARQUET,
    ChatDataset,
    begins_an_array,
    scan_chat_rows,
)

__all__ = [
    "DATASET_INFO",
    "FORMAT",
    "LOCATIONS",
    "PARQUET",
    "TAGS",
    "Chat",
    "ChatDataset",
    "ChatRow",
    "DatasetEntry",
    "DirectoryContents",
    "EntryProblem",
    "FileContents",
    "Message",
    "Problem",
    "begins_an_array",
    "distinct_files",
    "entry_of",
    "messages_of",
    "messages_of_turns",
    "problem_of",
    "problem_with_rows",
    "problems_of_entry",
    "read_dataset_info",
    "scan_chat_rows",
    "to_alpaca",
]

FORMAT = Chat
