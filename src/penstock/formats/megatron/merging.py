"""Joins pairs of `.bin` and `.idx` into one, as Megatron's `tools/merge_datasets.py` does."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from penstock.errors import ConfigError, ConflictError
from penstock.files import staged_file, sync
from penstock.formats.megatron.layout import Layout
from penstock.formats.megatron.reader import IndexedReader, pair_files, prefix_of
from penstock.formats.megatron.writer import IndexWriter

#: How many entries of an index, and how many bytes of tokens, are held at a time.
_ENTRIES = 1 << 20
_BYTES = 1 << 23


def merge(prefixes: Sequence[Path | str], output_prefix: Path | str) -> Path:
    """Write the sequences and documents of all prefixes, in their order; return the new prefix.

    The tokens are copied as bytes; each index is proved on the way. Both files come whole or not at
    all, the `.idx` last. Raises ConfigError for prefixes of several dtypes or with and without
    modes, ConflictError where the output stands already, DataError for input that is damaged.
    """
    output = prefix_of(Path(output_prefix))
    bin_path, idx_path = pair_files(output)
    for path in (bin_path, idx_path):
        if path.exists():
            raise ConflictError(f"{path}: stands already; remove it or name another output prefix")
    readers = [IndexedReader(prefix) for prefix in prefixes]
    layout = _joined(readers)
    output.parent.mkdir(parents=True, exist_ok=True)
    with staged_file(idx_path) as staged_idx:
        with staged_file(bin_path) as staged_bin:
            _join_indices(readers, staged_idx, layout)
            _join_tokens(readers, staged_bin)
            for path in (staged_idx, staged_bin):
                sync(path)
        sync(output.parent)
    sync(output.parent)
    return output


def _joined(readers: Sequence[IndexedReader]) -> Layout:
    """Return the layout of the whole; raises ConfigError for what cannot be joined."""
    if not readers:
        raise ConfigError("nothing to merge; name the prefixes of one .bin/.idx pair or more")
    first = readers[0]
    for reader in readers[1:]:
        if reader.dtype != first.dtype:
            raise ConfigError(
                f"{reader.prefix} holds {reader.dtype.name} and {first.prefix} {first.dtype.name}; "
                "only prefixes of one dtype can be merged: tokenize them with one tokenizer"
            )
        if (reader.modes is None) != (first.modes is None):
            with_modes, without = (reader, first) if first.modes is None else (first, reader)
            raise ConfigError(
                f"{with_modes.prefix} has modes and {without.prefix} has none; multimodal data "
                "can only be merged with such"
            )
    return Layout(
        first.dtype,
        sum(reader.sequences for reader in readers),
        sum(reader.documents for reader in readers),
        first.modes is not None,
    )


def _join_indices(readers: Sequence[IndexedReader], path: Path, layout: Layout) -> None:
    ended = 0
    with IndexWriter(path, layout) as index:
        for reader in readers:
            for start in range(0, reader.sequences, _ENTRIES):
                stop = min(start + _ENTRIES, reader.sequences)
                index.add_sequences(np.diff(reader.sequence_bounds(start, stop)))
                if reader.modes is not None:
                    index.add_modes(reader.modes[start:stop])
            for start in range(0, reader.documents, _ENTRIES):
                index.add_documents(reader.document_starts(start, start + _ENTRIES)[1:] + ended)
            ended += reader.sequences


def _join_tokens(readers: Sequence[IndexedReader], path: Path) -> None:
    with path.open("wb") as out:
        for reader in readers:
            with reader.bin_path.open("rb") as tokens:
                shutil.copyfileobj(tokens, out, _BYTES)
