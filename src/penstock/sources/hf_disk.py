"""Datasets that Hugging Face `datasets` saved with `save_to_disk`; the package is not needed."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import Field

from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.fields import kind_of
from penstock.sources._arrow import ArrowSource
from penstock.sources._files import exists, open_raw, reading
from penstock.sources._rows import RowSource

_STATE = "state.json"
_SPLITS = "dataset_dict.json"


class HfDiskSource(ArrowSource, RowSource):
    """Rows from a folder of Arrow files with their `state.json`, or one split of several."""

    path: str = Field(description="The folder, or its URL.")
    split: str | None = Field(None, description="The split, where the folder has several.")

    def inputs(self) -> list[str]:
        """Return `state.json` and the Arrow files that it names.

        Raises ConfigError for a folder that is none, and for a dataset that is a selection of rows.
        """
        folder = self._folder()
        state = _json(f"{folder}/{_STATE}")
        if state.get("_indices_data_files") or state.get("_indices_files"):
            raise ConfigError(
                "is a selection of rows of its files; save it again with "
                "dataset.flatten_indices().save_to_disk(...)",
                file=folder,
            )
        try:
            files = [f"{folder}/{entry['filename']}" for entry in state["_data_files"]]
        except (KeyError, TypeError):
            raise DataError(
                "names no Arrow files; save the dataset again", file=f"{folder}/{_STATE}"
            ) from None
        return [f"{folder}/{_STATE}", *files]

    def arrow_files(self) -> list[str]:
        """Return the Arrow files."""
        return self.inputs()[1:]

    def _folder(self) -> str:
        folder = self.path.rstrip("/")
        if not exists(f"{folder}/{_SPLITS}"):
            if not exists(f"{folder}/{_STATE}"):
                raise ConfigError(
                    f"holds neither {_STATE} nor {_SPLITS}; name a folder that save_to_disk wrote",
                    file=folder,
                )
            if self.split is not None:
                raise ConfigError("holds one dataset and no splits; leave out split", file=folder)
            return folder
        splits = _json(f"{folder}/{_SPLITS}").get("splits", [])
        if self.split not in splits:
            hint = did_you_mean(self.split, splits) if self.split else ""
            raise ConfigError(f"set split to one of: {', '.join(splits)}{hint}", file=folder)
        return f"{folder}/{self.split}"


def _json(path: str) -> dict[str, Any]:
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
