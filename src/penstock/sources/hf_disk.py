"""Datasets saved with `save_to_disk` of Hugging Face `datasets`; the package is not needed."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import Field

from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.fields import kind_of
from penstock.sources._base import FileSource
from penstock.sources._files import exists, open_raw, reading
from penstock.sources._tables import ArrowSource

_STATE = "state.json"
_SPLITS = "dataset_dict.json"


class HfDiskSource(ArrowSource, FileSource):
    """Rows from a folder of Arrow files with their `state.json`, or one split of several."""

    path: str = Field(description="The folder, or its URL.")
    split: str | None = Field(None, description="The split, if the folder has several.")

    def inputs(self) -> list[str]:
        """Return `state.json` and the Arrow files that it names.

        Raises ConfigError for a folder that is not a saved dataset, and for a saved selection of
        rows.
        """
        folder = self._folder()
        state = _read_json(f"{folder}/{_STATE}")
        if state.get("_indices_data_files") or state.get("_indices_files"):
            raise ConfigError(
                "is a selection of rows of its files; save it again with "
                "dataset.flatten_indices().save_to_disk(...)",
                file=folder,
            )
        try:
            files = [f"{folder}/{entry['filename']}" for entry in state["_data_files"]]
        except (KeyError, TypeError):
            message = "names no Arrow files; save the dataset again"
            raise DataError(message, file=f"{folder}/{_STATE}") from None
        return [f"{folder}/{_STATE}", *files]

    def arrow_files(self) -> list[str]:
        return self.inputs()[1:]

    def _folder(self) -> str:
        folder = self.path.rstrip("/")
        if not exists(f"{folder}/{_SPLITS}"):
            if not exists(f"{folder}/{_STATE}"):
                raise ConfigError(
                    f"has neither {_STATE} nor {_SPLITS}; name a folder written by save_to_disk",
                    file=folder,
                )
            if self.split is not None:
                raise ConfigError("is one dataset without splits; remove `split`", file=folder)
            return folder
        splits = _read_json(f"{folder}/{_SPLITS}").get("splits", [])
        if self.split not in splits:
            hint = did_you_mean(self.split, splits) if self.split else ""
            raise ConfigError(f"set split to one of: {', '.join(splits)}{hint}", file=folder)
        return f"{folder}/{self.split}"


def _read_json(path: str) -> dict[str, Any]:
    with reading(path), open_raw(path) as stream:
        content = stream.read()
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg})", file=path, line=error.lineno) from None
    if type(value) is not dict:
        raise DataError(f"{kind_of(value)}, must be an object", file=path)
    return value


SOURCE = HfDiskSource
