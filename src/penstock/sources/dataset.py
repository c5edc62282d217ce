"""Datasets of tokens that were written before: megatron, packed_jsonl, tfrecord, arrayrecord."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from penstock.batches import RowStats, TokenBatch
from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.files import is_staging, sha256_of
from penstock.formats import FORMATS, Dataset, Format, TokenRow, find_dataset
from penstock.formats.megatron import IndexedReader, MegatronDataset, pair_files
from penstock.manifest import Manifest, base_dir, find_manifest, manifest_of, manifest_path
from penstock.sources._base import InputSplit, Source
from penstock.sources._files import is_url
from penstock.tokenization import TokenizerFiles, load_tokenizer

_BATCH_TOKENS = 1 << 20


class DatasetSource(Source):
    """Documents of a dataset of tokens, as they were encoded.

    A document of Megatron's format keeps its sequences. A packed row is a document that has its
    segments as sequences; its padding is left out. Ids have the dtype in which they are stored.
    """

    gives_tokens: ClassVar[bool] = True

    path: str = Field(description="The dataset: its directory, or the prefix of its files.")
    split: str = Field("train", description="The part of it that is read.")
    tokenizer: Path | None = Field(
        None,
        description="The tokenizer of a dataset whose manifest names none: a directory with "
        "tokenizer.json, or such a file.",
    )

    _named: dict[str, Any] | None = PrivateAttr(None)

    @property
    def synthetic(self) -> bool:
        """True when the dataset's manifest says that its content is made up."""
        manifest = self._manifest()
        return manifest is not None and manifest.synthetic

    @property
    def confidential(self) -> bool:
        """True when the dataset's manifest says that its text is confidential."""
        manifest = self._manifest()
        return manifest is not None and manifest.confidential

    def tokenizer_identity(self) -> dict[str, Any] | None:
        """Return what is known of the dataset's tokenizer: by its manifest, else by the option.

        Raises ConfigError where the two are different tokenizers.
        """
        manifest = self._manifest()
        told = manifest.tokenizer if manifest else None
        if self.tokenizer is None:
            return told
        if told is None:
            if self._named is None:
                self._named = _identity(self.tokenizer)
            return self._named
        if sha256_of(TokenizerFiles.at(self.tokenizer).json) != told.get("sha256"):
            raise ConfigError(
                f"{self.path} was made by another tokenizer than {self.tokenizer}; leave it out",
                field="tokenizer",
            )
        return told

    def inputs(self) -> list[str]:
        """Return the files of the dataset, its manifest if it has one, and the tokenizer's."""
        tokenizer = TokenizerFiles.at(self.tokenizer).paths if self.tokenizer else []
        return [str(file) for file in (*self._files(), *tokenizer)]

    def expected(self) -> dict[str, str]:
        """Return what the dataset's manifest says of its files."""
        found = find_manifest(self._open().path)
        if found is None:
            return {}
        home = base_dir(found.owner)
        return {str(home / entry.path): entry.sha256 for entry in found.files}

    def _files(self) -> list[Path]:
        path = self._open().path
        if (found := find_manifest(path)) is not None:
            home = base_dir(found.owner)
            names = sorted(entry.path for entry in found.files)
            return [manifest_path(found.owner), *(home / name for name in names)]
        if path.is_dir():
            files = [file for file in path.rglob("*") if file.is_file()]
            return sorted(file for file in files if not is_staging(file.name))
        return list(pair_files(path))

    def input_splits(self, piece_bytes: int) -> list[InputSplit]:
        """Return ranges of documents, each of about `piece_bytes` of the files."""
        dataset = self._open()
        size = sum(file.stat().st_size for file in self._files())
        row_bytes = max(1, size // max(1, sum(dataset.splits.values())))
        rows, step = dataset.splits[self.split], max(1, piece_bytes // row_bytes)
        return [
            InputSplit(str(dataset.path), start, stop, (stop - start) * row_bytes)
            for start in range(0, rows, step)
            for stop in [min(start + step, rows)]
        ]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[TokenBatch]:
        """Yield the documents of an input split. Raises DataError for what the format finds wrong."""
        dataset = self._open()
        stop = dataset.splits[self.split] if input_split.stop is None else input_split.stop
        if isinstance(dataset, MegatronDataset):
            if dataset.readers[self.split].modes is not None:
                raise ConfigError(
                    "each of its sequences has a mode, as in multimodal data, which a recipe does "
                    "not carry on; only penstock merge keeps them",
                    file=self.path,
                )
            batches = _of_pair(dataset.readers[self.split], input_split.start, stop)
        else:
            batches = _of_rows(dataset.rows(self.split, input_split.start, stop))
        limit = (self.tokenizer_identity() or {}).get("vocab_size")
        for batch in batches:
            yield batch if limit is None else _known(batch, limit, stats)

    def place(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the dataset and which document (from 1) of the split it is."""
        return input_split.path, input_split.start + number + 1

    def _manifest(self) -> Manifest | None:
        return manifest_of(self._find()[1])

    def _find(self) -> tuple[type[Format], Path]:
        """Return the dataset and its format; raises ConfigError where there is none, or several."""
        if is_url(self.path):
            raise ConfigError(
                "is a URL; datasets are read from local files: copy it", file=self.path
            )
        names = [name for name in FORMATS.names() if FORMATS.get(name).takes_tokens]
        return find_dataset(Path(self.path), names)

    def _open(self) -> Dataset:
        """Open the dataset; raises ConfigError where it does not have this split."""
        kind, path = self._find()
        dataset = kind.open(path)
        if self.split not in dataset.splits:
            hint = (
                did_you_mean(self.split, dataset.splits) or f"; it has {', '.join(dataset.splits)}"
            )
            raise ConfigError(f"has no split '{self.split}'{hint}", file=self.path)
        return dataset


def _identity(tokenizer: Path) -> dict[str, Any]:
    """Return what a manifest says of a tokenizer that is named; which engine worked is unknown."""
    named = load_tokenizer(tokenizer, "tokenizers").identity.to_dict()
    unknown = {"engine": None, "engine_version": None}
    return {**named, **unknown, "engine_reason": "the recipe names the tokenizer of a dataset"}


def _known(batch: TokenBatch, limit: int, stats: RowStats) -> TokenBatch:
    """Return the documents all of whose ids the vocabulary has; others go to the stats."""
    wrong = (batch.ids < 0) | (batch.ids >= limit)
    if not wrong.any():
        return batch
    tokens = np.concatenate(([0], np.cumsum(batch.lengths, dtype=np.int64)))
    places = np.flatnonzero(wrong)
    ends = tokens[np.cumsum(batch.sequences)]
    documents, first = np.unique(np.searchsorted(ends, places, side="right"), return_index=True)
    for document, place in zip(documents.tolist(), places[first].tolist(), strict=True):
        stats.bad(
            batch.numbers[document],
            f"has the id {batch.ids[place]}, which the vocabulary of {limit:,} does not have; "
            "another tokenizer made it",
        )
    kept = np.ones(len(batch), np.bool_)
    kept[documents] = False
    sequences = np.repeat(kept, batch.sequences)
    return TokenBatch(
        batch.ids[np.repeat(sequences, batch.lengths)],
        batch.lengths[sequences],
        batch.sequences[kept],
        [number for number, keep in zip(batch.numbers, kept, strict=True) if keep],
    )


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
