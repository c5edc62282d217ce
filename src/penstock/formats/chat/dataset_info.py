"""`dataset_info.json`: the entries with which LLaMA-Factory 0.9.5 finds and reads files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import orjson

from penstock.errors import DataError
from penstock.fields import kind_of

DATASET_INFO = "dataset_info.json"
#: The layouts of rows: turns with a role each, or an instruction with its output.
Formatting = Literal["sharegpt", "alpaca"]

#: penstock writes all of them: LLaMA-Factory has no default for a tag that is left out.
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "function",
    "system_tag": "system",
}
COLUMNS: Mapping[Formatting, Mapping[str, str]] = {
    "sharegpt": {"messages": "messages"},
    "alpaca": {
        "prompt": "instruction",
        "query": "input",
        "response": "output",
        "system": "system",
        "history": "history",
    },
}
#: The defaults of an entry that gives no columns, or no tags.
_DEFAULT_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "sharegpt": {"messages": "conversations"},
    "alpaca": {"prompt": "instruction", "query": "input", "response": "output"},
}
_DEFAULT_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
#: The keys that name the location of an entry's rows.
LOCATIONS = ("file_name", "hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")


@dataclass(frozen=True)
class DatasetEntry:
    """One entry: `settings` as written; the properties are what LLaMA-Factory reads from them."""

    name: str
    settings: Mapping[str, Any]

    @property
    def file_name(self) -> str | None:
        """The file or directory of the rows, None if they come from a hub."""
        value = self.settings.get("file_name")
        return value if isinstance(value, str) else None

    @property
    def formatting(self) -> str:
        """The layout of the rows; alpaca by default."""
        return str(self.settings.get("formatting", "alpaca"))

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """The column of each part of a row: as written, or all defaults."""
        of_formatting = _DEFAULT_COLUMNS.get(self.formatting, _DEFAULT_COLUMNS["sharegpt"])
        return _texts(self.settings.get("columns"), of_formatting)

    @cached_property
    def tags(self) -> Mapping[str, str]:
        """The names of keys and roles in messages: as written, or all defaults."""
        return _texts(self.settings.get("tags"), _DEFAULT_TAGS)


def _texts(value: Any, default: Mapping[str, str]) -> Mapping[str, str]:
    """Return the text values of a mapping, or the default: the two are never merged."""
    if not isinstance(value, dict):
        return default
    return {key: text for key, text in value.items() if isinstance(text, str)}


def entry_of(name: str, file_name: str, formatting: Formatting) -> DatasetEntry:
    """Return the entry of a file that penstock writes."""
    settings: dict[str, Any] = {"file_name": file_name, "formatting": formatting}
    settings["columns"] = dict(COLUMNS[formatting])
    if formatting == "sharegpt":
        settings["tags"] = TAGS
    return DatasetEntry(name, settings)


def dump_dataset_info(entries: list[DatasetEntry]) -> bytes:
    """Return the bytes of `dataset_info.json`."""
    data = {entry.name: entry.settings for entry in entries}
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_dataset_info(directory: Path) -> dict[str, DatasetEntry]:
    """Return the entries of a directory by name; their settings are not validated.

    Raises DataError for a file that is missing, not JSON, or not an object of objects.
    """
    path = directory / DATASET_INFO
    try:
        data = orjson.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None
    except orjson.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg})", file=path, line=error.lineno) from None
    if not isinstance(data, dict):
        raise DataError(f"{kind_of(data)}, must be an object of datasets by name", file=path)
    for name, settings in data.items():
        if not isinstance(settings, dict):
            raise DataError(f"'{name}' is {kind_of(settings)}, must be an object", file=path)
    return {name: DatasetEntry(name, settings) for name, settings in data.items()}


def is_dataset_info(directory: Path) -> bool:
    """Return True if the `dataset_info.json` of a directory is LLaMA-Factory's.

    TFDS and saved Hugging Face datasets have a file of this name too, beside other known files.
    """
    if any((directory / name).exists() for name in ("features.json", "state.json")):
        return False
    try:
        data = orjson.loads((directory / DATASET_INFO).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return True  # unreadable, and nothing indicates another program
    if not isinstance(data, dict):
        return True
    entries = [settings for settings in data.values() if isinstance(settings, dict)]
    keys = (*LOCATIONS, "formatting")
    return any(isinstance(entry.get(key), str) for entry in entries for key in keys)
