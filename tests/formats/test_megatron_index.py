"""The bytes of `.bin` and `.idx`: round trips, and damage that is detected."""

from __future__ import annotations

import gc
import pickle
import struct
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.token_pairs import write_documents, write_flat
from penstock.errors import DataError
from penstock.formats.megatron import IndexedReader, write_pair

INTEGERS = ["u1", "i1", "<i2", "<i4", "<i8", "<u2"]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[np.dtype[np.generic], list[list[list[int]]]]:
    """Any documents of any sequences of any ids of any dtype."""
    dtype = np.dtype(draw(st.sampled_from(INTEGERS)))
    bounds = np.iinfo(dtype)
    ids = st.integers(int(bounds.min), int(bounds.max))
    return dtype, draw(st.lists(st.lists(st.lists(ids, max_size=6), max_size=4), max_size=6))


def read_documents(reader: IndexedReader) -> list[list[list[int]]]:
    starts = reader.starts.tolist()
    return [
        [reader[sequence].tolist() for sequence in range(first, last)]
        for first, last in pairwise(starts)
    ]


@given(corpora())
def test_documents_round_trip(
    corpus: tuple[np.dtype[np.generic], list[list[list[int]]]],
) -> None:
    dtype, documents = corpus
    with TemporaryDirectory() as home:
        reader = IndexedReader(write_documents(Path(home) / "any", documents, dtype))
        reader.verify()
        assert reader.dtype == dtype
        assert read_documents(reader) == documents
        whole = [[token for sequence in document for token in sequence] for document in documents]
        assert [reader.document(number).tolist() for number in range(len(documents))] == whole
        assert reader.tokens == sum(map(len, whole))


def test_bytes_follow_the_format(tmp_path: Path) -> None:
    prefix = write_documents(tmp_path / "a", [[[1, 2], [3]], [], [[70, 5, 6]]])
    assert (tmp_path / "a.bin").read_bytes() == struct.pack("<6H", 1, 2, 3, 70, 5, 6)
    assert prefix.with_suffix(".idx").read_bytes() == (
        b"MMIDIDX\0\0"
        + struct.pack("<QBQQ", 1, 8, 3, 4)
        + struct.pack("<3i", 2, 1, 3)
        + struct.pack("<3q", 0, 4, 6)
        + struct.pack("<4q", 0, 2, 2, 3)
    )


@given(st.data(), st.binary(min_size=1, max_size=1), st.integers(0, 10_000))
def test_a_changed_byte_of_the_index_is_refused_or_changes_no_sequence(
    data: st.DataObject, byte: bytes, place: int
) -> None:
    documents = [[[1, 2, 3], [4]], [[5] * 40], [], [[6, 7], [], [8] * 9]]
    with TemporaryDirectory() as home:
        prefix = write_documents(Path(home) / "a", documents, data.draw(st.sampled_from(INTEGERS)))
        path = prefix.with_suffix(".idx")
        content = bytearray(path.read_bytes())
        content[place % len(content)] = byte[0]
        path.write_bytes(content)
        sequences = [sequence for document in documents for sequence in document]
        try:
            reader = IndexedReader(prefix)
            reader.verify()
            found = [reader[number] for number in range(len(reader))]
        except DataError as error:
            assert "a." in str(error)
            return
        # A sign, or where one document ends and the next begins, is all that can differ.
        assert [sequence.tolist() for sequence in found] == sequences


@given(st.sampled_from([".idx", ".bin"]), st.integers(1, 400), st.booleans())
def test_a_file_that_is_too_short_or_too_long_is_refused_when_opened(
    suffix: str, by: int, longer: bool
) -> None:
    with TemporaryDirectory() as home:
        prefix = write_flat(Path(home) / "a", 100, 0, 120)
        path = prefix.with_suffix(suffix)
        content = path.read_bytes()
        path.write_bytes(content + bytes(by) if longer else content[: max(len(content) - by, 0)])
        with pytest.raises(DataError, match=rf"a\{suffix}: .*copy .*again|cannot be"):
            IndexedReader(prefix)


@given(st.integers(0, 439), st.integers(1, 255))
def test_a_changed_byte_of_the_tokens_changes_only_that_token(place: int, by: int) -> None:
    with TemporaryDirectory() as home:
        prefix = write_flat(Path(home) / "a", 100, 120)
        path = prefix.with_suffix(".bin")
        content = bytearray(path.read_bytes())
        content[place] ^= by
        path.write_bytes(content)
        reader = IndexedReader(prefix)
        assert np.flatnonzero(reader.ids != np.arange(220)).tolist() == [place // 2]


def test_arrays_remain_valid_after_the_reader_is_deleted(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", 5000, 5000)
    kept = [IndexedReader(prefix)[1] for _ in range(50)]
    lengths = IndexedReader(prefix).lengths
    gc.collect()
    assert all((ids == np.arange(5000, 10_000)).all() for ids in kept)
    assert lengths.tolist() == [5000, 5000]


def test_the_data_cannot_be_written_to(tmp_path: Path) -> None:
    ids = IndexedReader(write_flat(tmp_path / "a", 3))[0]
    with pytest.raises(ValueError, match="read-only"):
        ids[0] = 9


def test_a_reader_is_pickled_as_its_path(tmp_path: Path) -> None:
    reader = IndexedReader(write_flat(tmp_path / "a", 100_000, dtype="<i4"))
    sent = pickle.dumps(reader)
    assert len(sent) < 500
    assert (pickle.loads(sent)[0] == reader[0]).all()


def test_part_of_a_sequence_is_read_within_its_bounds(tmp_path: Path) -> None:
    reader = IndexedReader(write_flat(tmp_path / "a", 10, 10))
    assert reader.read(1, 2, 3).tolist() == [12, 13, 14]
    assert reader.read(1, 8).tolist() == [18, 19]
    assert reader.read(-2, 9).tolist() == [9]
    assert reader.read(0, 10, 0).tolist() == []
    with pytest.raises(IndexError, match="sequence 1 has 10 tokens, not 8:11"):
        reader.read(1, 8, 3)
    for number in (2, -3):
        with pytest.raises(IndexError):
            reader.read(number)
        with pytest.raises(IndexError, match="there are 2 documents"):
            reader.document(number)


def test_modes_are_read_if_the_size_implies_them(tmp_path: Path) -> None:
    prefix = write_documents(tmp_path / "a", [[[1, 2], [3]], [[4]]])
    assert IndexedReader(prefix).modes is None
    with prefix.with_suffix(".idx").open("ab") as stream:
        stream.write(bytes([0, 1, 0]))
    modes = IndexedReader(prefix).modes
    assert modes is not None
    assert modes.tolist() == [0, 1, 0]


def test_the_bin_of_another_index_is_refused_when_opened(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", 10, 20)
    other = write_flat(tmp_path / "b", 10, 21)
    other.with_suffix(".bin").replace(prefix.with_suffix(".bin"))
    with pytest.raises(DataError, match=r"a\.bin: has 62 bytes, not 60; it is too long"):
        IndexedReader(prefix)


def test_a_deepspeed_file_is_recognised_and_read_with_its_codes(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", 10)
    content = bytearray(prefix.with_suffix(".idx").read_bytes())
    content[17] = 6  # DeepSpeed's uint16; Megatron's float64
    prefix.with_suffix(".idx").write_bytes(content)
    with pytest.raises(DataError, match=r"code 6 means uint16.*open it with codes='deepspeed'"):
        IndexedReader(prefix)
    reader = IndexedReader(prefix, codes="deepspeed")
    assert reader[0].tolist() == list(range(10))
    assert pickle.loads(pickle.dumps(reader)).dtype == np.uint16


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, 1, "is not a Megatron index"),
        (9, 2, "has format version 2"),
        (17, 9, "the dtype code 9 is unknown"),
        (26, 0, "counts no document"),
    ],
)
def test_an_invalid_header_is_refused(tmp_path: Path, place: int, value: int, words: str) -> None:
    prefix = write_flat(tmp_path / "a", 10)
    content = bytearray(prefix.with_suffix(".idx").read_bytes())
    content[place] = value
    prefix.with_suffix(".idx").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.idx: .*{words}"):
        IndexedReader(prefix)


def test_output_of_a_failed_preprocessing_is_reported(tmp_path: Path) -> None:
    (tmp_path / "notes_text_document.bin").touch()
    with pytest.raises(DataError, match=r"document\.idx: there is no such file beside .*finish"):
        IndexedReader(tmp_path / "notes_text_document")
    with pytest.raises(DataError, match=r"none\.idx: there is no such file$"):
        IndexedReader(tmp_path / "none")


def test_an_id_that_does_not_fit_is_refused_and_no_file_remains(tmp_path: Path) -> None:
    one = np.ones(1, np.int32)
    with (
        pytest.raises(DataError, match="the id 70000 does not fit in uint16"),
        write_pair(tmp_path / "a", np.dtype("<u2"), sequences=1, documents=1) as out,
    ):
        out.add(np.array([70_000]), one, one)
    assert list(tmp_path.iterdir()) == []


def test_ids_that_are_not_integers_are_refused(tmp_path: Path) -> None:
    ids, one = np.array([1, 2], np.float32), np.array([1], np.int64)
    with (
        pytest.raises(DataError, match="ids must be integers, not float32"),
        write_pair(tmp_path / "a", np.dtype("<u2"), sequences=1, documents=1) as out,
    ):
        out.add(ids, np.array([2], np.int32), one)
    assert list(tmp_path.iterdir()) == []


def test_lengths_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    one = np.ones(1, np.int32)
    with (
        pytest.raises(DataError, match="3 tokens have 1 lengths that sum to 1"),
        write_pair(tmp_path / "a", np.dtype("<u2"), sequences=1, documents=1) as out,
    ):
        out.add(np.arange(3), one, one)


def test_fewer_documents_than_expected_leave_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="expected"),
        write_pair(tmp_path / "a", np.dtype("<u2"), sequences=1, documents=1),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
