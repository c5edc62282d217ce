"""The first rows of a dataset of any format, with the text of their tokens."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from penstock.checks._packed.columns import documents_of, problems
from penstock.checks._tokens.tokenizer import Vocabulary, find_vocabulary
from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.findings import Collector
from penstock.formats import (
    FORMATS,
    TASK_JSONL,
    Format,
    TokenRow,
    find_datasets,
    find_task_directories,
    only_dataset,
)
from penstock.jsonl import read_rows, scan
from penstock.manifest import manifest_of
from penstock.redaction import MASK
from penstock.splits import SPLIT_NAMES

#: The columns of token ids, which can be decoded to text.
_ID_COLUMNS = ("inputs", "targets")


@dataclass(frozen=True)
class ShownRow:
    """One row: its file, its number in the file, and its columns.

    `columns` has lists of numbers, or the fields of a row of text. `documents` has the text of each
    document of a token row; it is None if the tokenizer is unknown.
    """

    file: str
    number: int
    columns: dict[str, Any]
    documents: list[str] | None = None


@dataclass(frozen=True)
class Shown:
    """The first rows of one split. `masked`: text is withheld. `notes` are hints for the user."""

    path: str
    format: str
    split: str
    splits: dict[str, int]
    masked: bool
    rows: list[ShownRow]
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that `--format json` prints."""
        return asdict(self)


def show(
    path: Path | str,
    *,
    rows: int = 3,
    split: str | None = None,
    tokenizer: Path | str | None = None,
    show_text: bool = False,
) -> Shown:
    """Return the first rows of a dataset: a directory, the prefix of a pair, or one of its files.

    `split` defaults to `train`, or to the first split. `tokenizer` is for a dataset whose manifest
    names none. Text and ids of a dataset built with `redact: true` are masked unless `show_text`.

    Raises ConfigError if the path is no dataset or has several, for an unknown split, and for a
    tokenizer that cannot be loaded; DataError for a dataset that cannot be read.
    """
    format, path = _only_dataset(Path(path))
    manifest = manifest_of(path)
    masked = manifest is not None and manifest.confidential and not show_text
    if format is None:
        return _show_task(path, split, rows, masked)
    dataset = format.open(path)
    splits = dict(dataset.splits)
    split = _choose_split(split, splits, path)
    read = dataset.rows(split, 0, min(rows, splits[split]))
    notes: list[str] = []
    if format.takes_tokens:
        collector = Collector()
        option = Path(tokenizer) if tokenizer is not None else None
        vocabulary = find_vocabulary(path, manifest, option, collector)
        notes += [f"{finding.message}; {finding.fix}" for finding in collector.findings()]
        shown = [_show_tokens(row, vocabulary, masked) for row in read]
    else:
        shown = [
            _show_fields(row.file, row.number, orjson.loads(row.columns["row"].tobytes()), masked)
            for row in read
        ]
    return Shown(str(path), format.name, split, splits, masked, shown, notes)


def _only_dataset(path: Path) -> tuple[type[Format] | None, Path]:
    """Return the dataset at a path, or the only one below it; its format is None for task JSONL."""
    names = FORMATS.names()
    found: list[tuple[type[Format] | None, Path]] = [*find_datasets(path, names)]
    if path.is_dir():
        found += [(None, dataset.path) for dataset in find_task_directories(path)]
    return only_dataset(path, found, [*names, TASK_JSONL])


def _choose_split(split: str | None, splits: dict[str, int], path: Path) -> str:
    if split is None and splits:
        return "train" if "train" in splits else next(iter(splits))
    if split not in splits:
        hint = did_you_mean(split or "", splits)
        known = ", ".join(splits) or "none"
        raise ConfigError(f"there is no split '{split}'{hint}; splits: {known}", file=path)
    return split


def _show_task(path: Path, split: str | None, count: int, masked: bool) -> Shown:
    (dataset,) = (found for found in find_task_directories(path) if found.path == path)
    files = {name: dataset.file(name) for name in SPLIT_NAMES if dataset.file(name).is_file()}
    splits = {name: sum(1 for _ in scan(file)) for name, file in files.items()}
    split = _choose_split(split, splits, path)
    file = files[split]
    rows = [_show_fields(file, line, row, masked) for line, row in islice(read_rows(file), count)]
    return Shown(str(path), TASK_JSONL, split, splits, masked, rows)


def _show_fields(file: Path, number: int, fields: dict[str, Any], masked: bool) -> ShownRow:
    return ShownRow(str(file), number, _mask(fields) if masked else fields)


def _mask(value: Any) -> Any:
    """Return a value with every text in it masked."""
    if isinstance(value, dict):
        return {key: _mask(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mask(inner) for inner in value]
    return MASK if isinstance(value, str) else value


def _show_tokens(row: TokenRow, vocabulary: Vocabulary, masked: bool) -> ShownRow:
    columns = {
        name: MASK if masked and name in _ID_COLUMNS else column.tolist()
        for name, column in row.columns.items()
    }
    documents = _documents(row, vocabulary, masked)
    return ShownRow(str(row.file), row.number, columns, documents)


def _documents(row: TokenRow, vocabulary: Vocabulary, masked: bool) -> list[str] | None:
    """Return the text of each document of a row; raises DataError for ids without text."""
    if vocabulary.codec is None or vocabulary.size is None:
        return None
    for _, message, _ in problems(row.columns):
        raise DataError(f"{message}; see penstock check", file=row.file, line=row.number)
    ids = row.columns["inputs"]
    if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < vocabulary.size:
        raise DataError(
            f"row {row.number} has ids that are not in the vocabulary; see penstock check",
            file=row.file,
        )
    documents = documents_of(row.columns).split(ids)
    return [MASK if masked else vocabulary.codec.decode(part.tolist()) for part in documents]
