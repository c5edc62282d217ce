"""Pairs are merged byte by byte; a refused merge leaves no file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.token_pairs import write_documents, write_flat
from penstock.errors import ConfigError, ConflictError, DataError
from penstock.files import sha256_of
from penstock.formats.megatron import IndexedReader, merge

FIRST = [[[1, 2], [3]], [], [[4]]]
SECOND = [[[5], []], [[6, 7, 8]]]


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_merge_equals_all_documents_written_at_once(tmp_path: Path) -> None:
    prefixes = [
        write_documents(tmp_path / "a", FIRST),
        write_documents(tmp_path / "b", SECOND),
        write_documents(tmp_path / "empty", []),
    ]
    merged = tmp_path / "out" / "merged"
    sha256 = merge([*prefixes, tmp_path / "a.bin"], merged)
    whole = write_documents(tmp_path / "whole", [*FIRST, *SECOND, *FIRST])
    for suffix in (".bin", ".idx"):
        assert merged.with_suffix(suffix).read_bytes() == whole.with_suffix(suffix).read_bytes()
    assert files(tmp_path / "out") == ["merged.bin", "merged.idx"]
    assert sha256 == sha256_of(tmp_path / "whole.bin")


def test_modes_are_merged(tmp_path: Path) -> None:
    prefixes = [write_flat(tmp_path / name, 2, 3) for name in "ab"]
    for number, prefix in enumerate(prefixes):
        with prefix.with_suffix(".idx").open("ab") as stream:
            stream.write(bytes([number, 2]))
    merge(prefixes, tmp_path / "c")
    modes = IndexedReader(tmp_path / "c").modes
    assert modes is not None
    assert modes.tolist() == [0, 2, 1, 2]
    with pytest.raises(ConfigError, match=r"/a has modes and .*/d has none"):
        merge([write_flat(tmp_path / "d", 2), prefixes[0]], tmp_path / "e")


def test_prefixes_of_two_dtypes_are_refused(tmp_path: Path) -> None:
    prefixes = [write_flat(tmp_path / "a", 2), write_flat(tmp_path / "b", 2, dtype=np.int32)]
    with pytest.raises(
        ConfigError, match=r"/b holds int32 and .*/a uint16; merging requires one dtype"
    ):
        merge(prefixes, tmp_path / "c")
    with pytest.raises(ConfigError, match="nothing to merge"):
        merge([], tmp_path / "c")
    assert files(tmp_path) == ["a.bin", "a.idx", "b.bin", "b.idx"]


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", 2)
    with pytest.raises(ConflictError, match=r"a\.bin exists already"):
        merge([prefix], prefix)


def test_a_damaged_index_leaves_no_file(tmp_path: Path) -> None:
    prefixes = [write_flat(tmp_path / name, 5, 5, 5) for name in "ab"]
    path = prefixes[1].with_suffix(".idx")
    content = bytearray(path.read_bytes())
    content[34 + 4] = 6  # the length of sequence 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"b\.idx: address and length of sequence 1 do not match"):
        merge(prefixes, tmp_path / "out" / "c")
    assert files(tmp_path / "out") == []
