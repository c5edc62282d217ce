"""Token datasets in the formats megatron, packed_jsonl, tfrecord and arrayrecord."""

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
    """Documents of a token dataset, as they were encoded.

    A document in Megatron's format keeps its sequences. A packed row is one document whose
    sequences are its segments, without the padding. Ids keep their stored dtype.
    """

    gives_tokens: ClassVar[bool] = True

    path: str = Field(description="The dataset: its directory, or the prefix of its files.")
    split: str = Field("train", description="The split that is read.")
    tokenizer: Path | None = Field(
        None,
        description="The tokenizer of a dataset without one in its manifest: a directory with "
        "tokenizer.json, or such a file.",
    )

    _identity: dict[str, Any] | None = PrivateAttr(None)

    @property
    def synthetic(self) -> bool:
        manifest = self._manifest()
        return manifest is not None and manifest.synthetic

    @property
    def confidential(self) -> bool:
        manifest = self._manifest()
        return manifest is not None and manifest.confidential

    def tokenizer_identity(self) -> dict[str, Any] | None:
        """Return the identity of the tokenizer, from the manifest or else from the option.

        Raises ConfigError if the two are different tokenizers.
        """
        manifest = self._manifest()
        recorded = manifest.tokenizer if manifest else None
        if self.tokenizer is None:
            return recorded
        if recorded is None:
            if self._identity is None:
                named = load_tokenizer(self.tokenizer, "tokenizers").identity.to_dict()
                reason = "the recipe names the tokenizer of a dataset"
                unknown = {"engine": None, "engine_version": None, "engine_reason": reason}
                self._identity = named | unknown
            return self._identity
        if sha256_of(TokenizerFiles.at(self.tokenizer).json) != recorded.get("sha256"):
            raise ConfigError(
                f"{self.path} was made by another tokenizer than {self.tokenizer}; leave it out",
                field="tokenizer",
            )
        return recorded

    def inputs(self) -> list[str]:
        """Return the files of the dataset, its manifest if any, and those of the tokenizer."""
        tokenizer = TokenizerFiles.at(self.tokenizer).paths if self.tokenizer else []
        return [str(file) for file in (*self._files(), *tokenizer)]

    def known_hashes(self) -> dict[str, str]:
        found = find_manifest(self._open().path)
        if found is None:
            return {}
        base = base_dir(found.owner)
        return {str(base / entry.path): entry.sha256 for entry in found.files}

    def _files(self) -> list[Path]:
        path = self._open().path
        if (found := find_manifest(path)) is not None:
            base = base_dir(found.owner)
            names = sorted(entry.path for entry in found.files)
            return [manifest_path(found.owner), *(base / name for name in names)]
        if path.is_dir():
            files = [file for file in path.rglob("*") if file.is_file()]
            return sorted(file for file in files if not is_staging(file.name))
        return list(pair_files(path))

    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        """Return ranges of documents, each of about `split_bytes` of the files."""
        dataset = self._open()
        size = sum(file.stat().st_size for file in self._files())
        row_bytes = max(1, size // max(1, sum(dataset.splits.values())))
        rows, step = dataset.splits[self.split], max(1, split_bytes // row_bytes)
        return [
            InputSplit(str(dataset.path), start, stop, (stop - start) * row_bytes)
            for start in range(0, rows, step)
            for stop in [min(start + step, rows)]
        ]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[TokenBatch]:
        dataset = self._open()
        stop = dataset.splits[self.split] if input_split.stop is None else input_split.stop
        if isinstance(dataset, MegatronDataset):
            reader = dataset.readers[self.split]
            if reader.modes is not None:
                raise ConfigError(
                    "its sequences have modes (multimodal data), which a recipe does not keep; "
                    "use penstock merge",
                    file=self.path,
                )
            batches = _megatron_batches(reader, input_split.start, stop)
        else:
            batches = _packed_batches(dataset.rows(self.split, input_split.start, stop))
        limit = (self.tokenizer_identity() or {}).get("vocab_size")
        for batch in batches:
            yield batch if limit is None else _without_unknown_ids(batch, limit, stats)

    def _manifest(self) -> Manifest | None:
        return manifest_of(self._find()[1])

    def _find(self) -> tuple[type[Format], Path]:
        """Return the format and path; raises ConfigError if there is no dataset, or several."""
        if is_url(self.path):
            message = "is a URL; datasets are read from local files: copy it"
            raise ConfigError(message, file=self.path)
        names = [name for name in FORMATS.names() if FORMATS.get(name).takes_tokens]
        return find_dataset(Path(self.path), names)

    def _open(self) -> Dataset:
        """Open the dataset; raises ConfigError if it lacks the split."""
        kind, path = self._find()
        dataset = kind.open(path)
        if self.split not in dataset.splits:
            known = dataset.splits
            hint = did_you_mean(self.split, known) or f"; it has {', '.join(known)}"
            raise ConfigError(f"has no split '{self.split}'{hint}", file=self.path)
        return dataset


def _without_unknown_ids(batch: TokenBatch, limit: int, stats: RowStats) -> TokenBatch:
    """Report documents with ids outside the vocabulary to the stats, and return the others."""
    wrong = (batch.ids < 0) | (batch.ids >= limit)
    if not wrong.any():
        return batch
    token_starts = np.concatenate(([0], np.cumsum(batch.lengths, dtype=np.int64)))
    positions = np.flatnonzero(wrong)
    ends = token_starts[np.cumsum(batch.sequences)]
    documents, first = np.unique(np.searchsorted(ends, positions, side="right"), return_index=True)
    for document, position in zip(documents.tolist(), positions[first].tolist(), strict=True):
        stats.bad(
            batch.numbers[document],
            f"has the id {batch.ids[position]}, outside the vocabulary of {limit:,}; another "
            "tokenizer made it",
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


def _megatron_batches(reader: IndexedReader, start: int, stop: int) -> Iterator[TokenBatch]:
    """Yield the documents of a Megatron pair, whose sequences are stored consecutively."""
    step = max(1, reader.documents * _BATCH_TOKENS // max(reader.tokens, 1))
    for first in range(start, stop, step):
        starts = reader.document_starts(first, min(first + step, stop))
        bounds = reader.sequence_bounds(int(starts[0]), int(starts[-1]))
        sequences = np.diff(starts).astype(np.int32)
        numbers = range(first - start, first - start + len(sequences))
        ids = reader.ids[bounds[0] : bounds[-1]]
        yield TokenBatch(ids, np.diff(bounds).astype(np.int32), sequences, numbers)


def _packed_batches(rows: Iterator[TokenRow]) -> Iterator[TokenBatch]:
    """Yield packed rows as documents with one sequence per segment."""
    found: list[tuple[NDArray[Any], NDArray[np.int32]]] = []
    number = tokens = 0
    for row in rows:
        found.append(_segments(row))
        tokens += len(found[-1][0])
        if tokens >= _BATCH_TOKENS:
            yield _batch(found, number)
            number += len(found)
            found, tokens = [], 0
    if found:
        yield _batch(found, number)


def _batch(rows: list[tuple[NDArray[Any], NDArray[np.int32]]], number: int) -> TokenBatch:
    ids, lengths = zip(*rows, strict=True)
    sequences = np.array([len(segments) for segments in lengths], np.int32)
    numbers = range(number, number + len(rows))
    return TokenBatch(np.concatenate(ids), np.concatenate(lengths), sequences, numbers)


def _segments(row: TokenRow) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return the ids of a packed row without its padding, and the length of each segment."""
    segmentation = row.columns.get("inputs_segmentation")
    if segmentation is None:
        message = "has no column inputs_segmentation, which separates documents and padding"
        raise DataError(message, file=row.file)
    begins = np.flatnonzero(np.diff(segmentation, prepend=-1))
    lengths = np.diff(begins, append=len(segmentation))
    kept = segmentation != 0
    return row.columns["inputs"][kept], lengths[kept[begins]].astype(np.int32)


SOURCE = DatasetSource
