"""The format `chat`: files of chat rows in a directory that LLaMA-Factory reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import orjson
from pydantic import Field

from penstock.config import FileName
from penstock.errors import ConfigError, did_you_mean
from penstock.fields import MISSING, kind_of
from penstock.files import write_atomic
from penstock.formats._base import Dataset, Format, OutputSpec, RowBlock, Shard, View, Written
from penstock.formats._locate import directories_with_files
from penstock.formats.chat.dataset_info import (
    COLUMNS,
    DATASET_INFO,
    Formatting,
    dump_dataset_info,
    entry_of,
    is_dataset_info,
)
from penstock.formats.chat.messages import problem_of, to_alpaca
from penstock.formats.chat.reading import SUFFIXES, ChatDataset
from penstock.splits import SplitName

#: The view that is written to `NAME.json`.
_JOINED = "joined"
#: The bytes before, between and after the rows of a file.
_LINES = (b"", b"\n", b"\n")
_ARRAY = (b"[\n", b",\n", b"\n]\n")


class Chat(Format):
    """Chat rows for LLaMA-Factory: JSON Lines by split, and `dataset_info.json`.

    A row is an object with `messages`, as the step `chat` makes it. NAME_train.jsonl,
    NAME_eval.jsonl and NAME_test.jsonl hold the rows of all sources; each of `parts` has such files
    too; NAME.json is an array of the rows of the `joined` splits. Each file has an entry in
    `dataset_info.json`, named as the file.
    """

    name: ClassVar[str] = "chat"
    takes_tokens: ClassVar[bool] = False
    fixed_rows: ClassVar[bool] = False
    looks_like: ClassVar[str] = "a directory with a dataset_info.json of LLaMA-Factory"

    combined: FileName | None = Field(
        None,
        description="Name of the files with the rows of all sources; null: the dataset's name.",
    )
    parts: dict[FileName, Annotated[list[str], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Files of the rows of some sources, by name: {paws: [paws_train, paws_eval]}. "
        "They hold the rows before `shuffle` and `mix`.",
    )
    joined: list[SplitName] = Field(
        ["train"],
        description="The splits whose rows NAME.json holds, one after the other; none: no such "
        "file. If it holds validation, do not train on it and evaluate on NAME_eval.",
    )
    formatting: Formatting = Field(
        "sharegpt",
        description="sharegpt: rows with `messages`; alpaca: with `instruction`, `output`, "
        "`system`, `history`.",
    )

    def views(self, splits: Sequence[str], source_names: Sequence[str]) -> Sequence[View]:
        """Return the splits, those of each part, and the joined splits."""
        views = [View(split, (split,)) for split in splits]
        for part, sources in self.parts.items():
            for name in sources:
                if name not in source_names:
                    known = f"; the sources are {', '.join(source_names)}"
                    hint = did_you_mean(name, source_names) or known
                    raise ConfigError(f"'{part}' has no source '{name}'{hint}", field="parts")
            views += [View(_stem(part, split), (split,), tuple(sources)) for split in splits]
        if self.joined:
            views.append(View(_JOINED, tuple(self.joined)))
        return views

    def problem_with(self, row: Mapping[str, Any]) -> str | None:
        """Return why a row is no chat row, or cannot be stored in the formatting."""
        messages = row.get("messages", MISSING)
        if not isinstance(messages, list):
            reason = "absent" if messages is MISSING else f"{kind_of(messages)}, must be a list"
            return f"the field 'messages' is {reason}; the step `chat` or `conversation` creates it"
        if (wrong := problem_of(messages)) is not None:
            return f"{wrong.message}; correct the `messages` of the row"
        return _problem_with_alpaca(row) if self.formatting == "alpaca" else None

    def verify(self, target: OutputSpec) -> None:
        """Refuse a part with the name of the files of all sources."""
        if self._stem_of_all(target) in self.parts:
            raise ConfigError(
                f"'{self._stem_of_all(target)}' is the name of the files of all sources; rename "
                "the part, or set `combined`",
                field="format.parts",
            )

    def shards(self, target: OutputSpec) -> Sequence[Shard]:
        return [
            Shard(view, self._path(view, target), 0, shape.rows)
            for view, shape in target.splits.items()
        ]

    def write(
        self, directory: Path, shard: Shard, target: OutputSpec, blocks: Iterable[RowBlock]
    ) -> Sequence[Written]:
        before, between, after = _ARRAY if shard.split == _JOINED else _LINES
        with (directory / shard.path).open("wb") as out:
            out.write(before)
            lead = b""
            for block in blocks:
                out.write(lead + between.join(self._encode(block)))
                lead = between
            out.write(after)
        return [Written(shard.path, shard.stop - shard.start)]

    def finish(
        self, directory: Path, target: OutputSpec, written: Sequence[Written]
    ) -> Sequence[str]:
        entries = [entry_of(Path(file.path).stem, file.path, self.formatting) for file in written]
        write_atomic(directory / DATASET_INFO, dump_dataset_info(entries))
        return [DATASET_INFO]

    @classmethod
    def find(cls, path: Path) -> Sequence[Path]:
        return [
            directory
            for directory, files in directories_with_files(path)
            if DATASET_INFO in files and is_dataset_info(directory)
        ]

    @classmethod
    def open(cls, path: Path) -> Dataset:
        return ChatDataset(path)

    def _stem_of_all(self, target: OutputSpec) -> str:
        return self.combined or target.name

    def _path(self, view: str, target: OutputSpec) -> str:
        if view == _JOINED:
            return f"{self._stem_of_all(target)}.json"
        stem = _stem(self._stem_of_all(target), view) if view in SUFFIXES else view
        return f"{stem}.jsonl"

    def _encode(self, block: RowBlock) -> list[bytes]:
        """Return the rows of a block as JSON in the formatting."""
        ends = np.cumsum(block.lengths, dtype=np.int64)[block.first[1:] - 1].tolist()
        data = block.ids.tobytes()
        rows = [data[start:end] for start, end in pairwise([0, *ends])]
        return rows if self.formatting == "sharegpt" else list(map(_as_alpaca, rows))


def _stem(name: str, split: str) -> str:
    return f"{name}_{SUFFIXES[split][0]}"


def _problem_with_alpaca(row: Mapping[str, Any]) -> str | None:
    """Return why a chat row cannot be stored in the alpaca layout."""
    if used := {message["role"] for message in row["messages"]} & {"tool", "function"}:
        return f"has a turn of {min(used)}, which alpaca cannot hold; set `formatting: sharegpt`"
    if taken := row.keys() & COLUMNS["alpaca"].values():
        return f"has a field '{min(taken)}' beside `messages`, which alpaca uses itself; drop it"
    return None


def _as_alpaca(row: bytes) -> bytes:
    """Return a row in the alpaca layout, with its other fields."""
    fields = orjson.loads(row)
    messages = fields.pop("messages")
    return orjson.dumps({**to_alpaca(messages), **fields})
