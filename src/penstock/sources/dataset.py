"""Datasets of tokens that were written before: megatron, packed_jsonl, tfrecord, arrayrecord."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import Tally, TokenBatch
from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.files import is_staging
from penstock.formats import FORMATS, Dataset, TokenRow
from penstock.formats.megatron import IndexedReader, MegatronDataset
from penstock.manifest import manifest_path, read_manifest
from penstock.sources._base import Piece, Source
from penstock.sources._files import is_url

_BATCH_TOKENS = 1 << 20


class DatasetSource(Source):
    """Documents of a dataset of tokens, as they were encoded.

    A document of Megatron's format keeps its sequences. A packed row is a document that has its
    segments as sequences; its padding is left out. Ids have the dtype in which they are stored.
    """

    gives_tokens: ClassVar[bool] = True

    path: str = Field(description="The dataset: its directory, or the prefix of its files.")
    split: str = Field("train", description="The part of it that is read.")

    def tokenizer_identity(self) -> dict[str, Any] | None:
        """Return what the dataset's manifest says of its tokenizer, None without a manifest."""
        manifest = read_manifest(Path(self.path))
        return manifest.tokenizer if manifest else None

    def inputs(self) -> list[str]:
        """Return the files of the dataset, and its manifest if it has one."""
        path = self._open().path
        manifest = read_manifest(path)
        if manifest is not None:
            home = path if path.is_dir() else path.parent
            names = sorted(entry.path for entry in manifest.files)
            return [str(manifest_path(path)), *(str(home / name) for name in names)]
        if path.is_dir():
            files = [file for file in path.rglob("*") if file.is_file()]
            return sorted(str(file) for file in files if not is_staging(file.name))
        return [f"{path}.bin", f"{path}.idx"]

    def pieces(self, piece_bytes: int) -> list[Piece]:
        """Return ranges of documents, each of about `piece_bytes` of the files."""
        dataset = self._open()
        size = sum(Path(file).stat().st_size for file in self.inputs())
        row_bytes = max(1, size // max(1, sum(dataset.splits.values())))
        rows, step = dataset.splits[self.split], max(1, piece_bytes // row_bytes)
        return [
            Piece(str(dataset.path), start, stop, (stop - start) * row_bytes)
            for start in range(0, rows, step)
            for stop in [min(start + step, rows)]
        ]

    def read(self, piece: Piece, tally: Tally) -> Iterator[TokenBatch]:
        """Yield the documents of a piece. Raises DataError for what the format finds wrong."""
        dataset = self._open()
        stop = dataset.splits[self.split] if piece.stop is None else piece.stop
        if isinstance(dataset, MegatronDataset):
            yield from _of_pair(dataset.readers[self.split], piece.start, stop)
        else:
            yield from _of_rows(dataset.rows(self.split, piece.start, stop))

    def place(self, piece: Piece, number: int) -> tuple[str, int]:
        """Return the dataset and which document (from 1) of the split it is."""
        return piece.path, piece.start + number + 1

    def _open(self) -> Dataset:
        """Open the dataset; raises ConfigError where there is none, several, or not this split."""
        if is_url(self.path):
            raise ConfigError(
                "is a URL; datasets are read from local files: copy it", file=self.path
            )
        formats = [FORMATS.get(name) for name in FORMATS.names()]
        tokens = [each for each in formats if each.takes_tokens]
        found = [(each, path) for each in tokens for path in each.find(Path(self.path))]
        if not found:
            kinds = ", ".join(each.name for each in tokens)
            raise ConfigError(f"holds no dataset of tokens ({kinds})", file=self.path)
        if len(found) > 1:
            names = ", ".join(path.name for _, path in found[:3])
            raise ConfigError(f"holds {len(found)} datasets; name one ({names})", file=self.path)
        [(kind, path)] = found
        dataset = kind.open(path)
        if self.split not in dataset.splits:
            hint = (
                did_you_mean(self.split, dataset.splits) or f"; it has {', '.join(dataset.splits)}"
            )
            raise ConfigError(f"has no split '{self.split}'{hint}", file=self.path)
        return dataset


def _of_pair(reader: IndexedReader, start: int, stop: int) -> Iterator[TokenBatch]:
    """Yield the documents of a Megatron pair, whose sequences lie one after the other."""
    step = max(1, reader.documents * _BATCH_TOKENS // max(reader.tokens, 1))
    for first in range(start, stop, step):
        starts = reader.document_starts(first, min(first + step, stop))
        bounds = reader.sequence_bounds(int(starts[0]), int(starts[-1]))
        sequences = np.diff(starts).astype(np.int32)
        numbers = range(first - start, first - start + len(sequences))
        ids = reader.ids[bounds[0] : bounds[-1]]
        yield TokenBatch(ids, np.diff(bounds).astype(np.int32), sequences, numbers)


def _of_rows(rows: Iterator[TokenRow]) -> Iterator[TokenBatch]:
    """Yield packed rows as documents of one sequence a segment."""
    ids: list[NDArray[Any]] = []
    lengths: list[NDArray[np.int32]] = []
    number = tokens = 0
    for row in rows:
        row_ids, row_lengths = _segments(row)
        ids.append(row_ids)
        lengths.append(row_lengths)
        tokens += len(row_ids)
        if tokens >= _BATCH_TOKENS:
            yield _batch(ids, lengths, number)
            number += len(ids)
            ids, lengths, tokens = [], [], 0
    if ids:
        yield _batch(ids, lengths, number)


def _batch(ids: list[NDArray[Any]], lengths: list[NDArray[np.int32]], number: int) -> TokenBatch:
    sequences = np.array([len(each) for each in lengths], np.int32)
    numbers = range(number, number + len(sequences))
    return TokenBatch(np.concatenate(ids), np.concatenate(lengths), sequences, numbers)


def _segments(row: TokenRow) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return the ids of a packed row without its padding, and the length of each segment."""
    segmentation = row.columns.get("inputs_segmentation")
    if segmentation is None:
        raise DataError(
            "has no column inputs_segmentation, which tells documents and padding apart",
            file=row.file,
        )
    begins = np.flatnonzero(np.diff(segmentation, prepend=-1))
    lengths = np.diff(begins, append=len(segmentation))
    kept = segmentation != 0
    return row.columns["inputs"][kept], lengths[kept[begins]].astype(np.int32)


SOURCE = DatasetSource
