"""`arrayrecord`: written by the library, read without it, with all damage detected."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.packed_data import ROWS, assert_rows, dataset, random_rows
from penstock.errors import DataError
from penstock.formats import FORMATS, Dataset
from penstock.formats.arrayrecord import _file
from penstock.formats.arrayrecord._file import ArrayRecordFile

array_record = pytest.importorskip("array_record.python.array_record_module")

KIND = "arrayrecord"
SHARD = "notes-train.array_record-00000-of-00001"
#: Empty records, records within a block, near the end of a block and over several blocks.
SIZES = (0, 1, 31, 32, 33, 500, 65_400, 65_536, 200_000, 7)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "notes" / "1.0.0"


def tokens(found: Dataset) -> list[dict[str, list[int]]]:
    return [
        {name: column.tolist() for name, column in row.columns.items()}
        for row in found.rows("train")
    ]


def written(path: Path, records: list[bytes], options: str) -> Path:
    writer = array_record.ArrayRecordWriter(str(path), options)
    for record in records:
        writer.write(record)
    writer.close()
    return path


def random_records(sizes: tuple[int, ...] = SIZES) -> list[bytes]:
    chance = random.Random(0)
    return [chance.randbytes(size) for size in sizes]


def test_rows_round_trip(home: Path) -> None:
    splits = {"train": random_rows(20, 64), "validation": random_rows(3, 64, seed=1)}
    found = dataset(KIND, home, splits, context=64, pad_id=9, rows_per_shard=8)
    assert_rows(found, splits, 64, 9)


def test_equal_rows_have_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        dataset(KIND, tmp_path / name / "notes" / "1.0.0", {"train": random_rows(30, 12)})
    one, other = (tmp_path / name / "notes" / "1.0.0" / SHARD for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_shards_and_metadata_follow_tfds(home: Path) -> None:
    dataset(KIND, home)
    assert (home / SHARD).exists()
    info = json.loads((home / "dataset_info.json").read_text())
    assert (info["fileFormat"], info["splits"][0]["shardLengths"]) == ("array_record", ["3"])


def test_num_bytes_equals_that_of_the_same_rows_as_tfrecord(tmp_path: Path) -> None:
    sizes = []
    for kind in ("tfrecord", KIND):
        dataset(kind, tmp_path / kind / "notes" / "1.0.0")
        path = tmp_path / kind / "notes" / "1.0.0" / "dataset_info.json"
        sizes.append(json.loads(path.read_text())["splits"][0]["numBytes"])
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    "options",
    [
        "group_size:1",
        "group_size:1,uncompressed",
        "group_size:1,zstd:9",
        "group_size:4",
        "group_size:4,uncompressed,pad_to_block_boundary:true",
    ],
)
def test_records_of_any_size_are_read_in_any_order(tmp_path: Path, options: str) -> None:
    records = random_records()
    file = ArrayRecordFile(written(tmp_path / "f", records, options))
    assert len(file) == len(records)
    order = random.Random(1).sample(range(len(records)), len(records))
    assert [file.record(index) for index in order] == [records[index] for index in order]
    assert file.size == sum(SIZES)


def test_thousands_of_records_are_read(tmp_path: Path) -> None:
    records = [str(number).encode() * (number % 50) for number in range(5_000)]
    file = ArrayRecordFile(written(tmp_path / "f", records, "group_size:1"))
    assert [file.record(index) for index in range(len(file))] == records


@pytest.mark.parametrize("options", ["group_size:1", "group_size:7", "group_size:1000"])
def test_ranges_of_records_are_read_across_chunks_and_reads(
    tmp_path: Path, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_file, "_READ_BYTES", 100_000)
    records = random_records(SIZES * 10)
    file = ArrayRecordFile(written(tmp_path / "f", records, options))
    for start, stop in [(0, 100), (0, 1), (13, 14), (5, 71), (99, 100), (40, 40)]:
        assert list(file.records(start, stop)) == records[start:stop]


grouped_files = st.tuples(
    st.lists(st.binary(max_size=40), min_size=1, max_size=60),
    st.integers(1, 20),
    st.sampled_from(["", ",uncompressed", ",zstd:1", ",pad_to_block_boundary:true"]),
)


@given(grouped_files, st.data())
def test_grouped_records_are_read_in_random_order(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: tuple[list[bytes], int, str],
    data: st.DataObject,
) -> None:
    records, group, more = drawn
    path = tmp_path_factory.mktemp("grouped") / "f"
    file = ArrayRecordFile(written(path, records, f"group_size:{group}{more}"))
    numbers = st.integers(0, len(records) - 1)
    for index in data.draw(st.lists(numbers, max_size=30)):
        assert file.record(index) == records[index]
    start = data.draw(st.integers(0, len(records)))
    stop = data.draw(st.integers(start, len(records)))
    assert list(file.records(start, stop)) == records[start:stop]


def counted_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the offset of each chunk read from a file."""
    offsets: list[int] = []

    class CountedRange(_file.ChunkRange):
        def __init__(self, descriptor: int, bounds: Sequence[int]) -> None:
            offsets.extend(bounds[:-1])
            super().__init__(descriptor, bounds)

    monkeypatch.setattr(_file, "ChunkRange", CountedRange)
    return offsets


def test_each_chunk_is_decoded_once_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = random_records((50,) * 1_000)
    file = ArrayRecordFile(written(tmp_path / "f", records, "group_size:100"))
    reads = counted_reads(monkeypatch)
    order = random.Random(1).sample(range(1_000), 1_000)
    assert [file.record(index) for index in order] == [records[index] for index in order]
    assert len(reads) == len(set(reads)) == 10


def test_the_cache_is_bounded_and_emptied_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = _file._ChunkCache(15_000)
    monkeypatch.setattr(_file, "_cache", cache)
    records = random_records((50,) * 1_000)
    file = ArrayRecordFile(written(tmp_path / "f", records, "group_size:100"))
    reads = counted_reads(monkeypatch)
    for index in (0, 150, 250, 50, 350, 51, 150):
        assert file.record(index) == records[index]
    assert len(reads) == 5  # the chunks of 0, 150, 250, 350 and again of 150
    assert 0 < cache._size <= 15_000
    del file
    assert (cache._size, len(cache._chunks)) == (0, 0)


def test_a_chunk_above_the_limit_of_the_cache_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_file, "_cache", _file._ChunkCache(10))
    records = random_records((50,) * 10)
    file = ArrayRecordFile(written(tmp_path / "f", records, "group_size:10"))
    reads = counted_reads(monkeypatch)
    assert [file.record(index) for index in range(10)] == records
    assert len(reads) == 1


def test_threads_read_grouped_records(tmp_path: Path) -> None:
    records = random_records((500,) * 400)
    file = ArrayRecordFile(written(tmp_path / "f", records, "group_size:30"))
    order = random.Random(2).choices(range(400), k=2_000)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(file.record, order)) == [records[index] for index in order]


def test_records_before_a_damaged_chunk_are_read(tmp_path: Path) -> None:
    records = random_records((100,) * 20)
    path = written(tmp_path / "f", records, "group_size:5,uncompressed")
    content = bytearray(path.read_bytes())
    content[content.index(records[12])] ^= 1
    path.write_bytes(content)
    found = []
    with pytest.raises(DataError, match="record 11: the hash of a chunk's data does not match"):
        for record in ArrayRecordFile(path).records(2, 20):
            found.append(record)
    assert found == records[2:10]


def test_a_file_without_records_has_none(tmp_path: Path) -> None:
    assert len(ArrayRecordFile(written(tmp_path / "f", [], "group_size:1"))) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("group_size:1,brotli:1", "compressed with brotli; write with zstd or uncompressed"),
        ("group_size:1,snappy", "compressed with snappy; write with zstd or uncompressed"),
        ("group_size:1,transpose:true", "write with transpose:false"),
    ],
)
def test_unsupported_options_are_reported_with_a_fix(
    tmp_path: Path, options: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        ArrayRecordFile(written(tmp_path / "f", random_records(), options)).record(0)


def test_reading_needs_no_library_and_writing_names_the_missing_one(home: Path) -> None:
    dataset(KIND, home, {"train": ROWS})
    code = f"""
import sys
sys.modules["array_record"] = sys.modules["array_record.python"] = None
from pathlib import Path
from penstock.errors import MissingExtraError
from penstock.formats import FORMATS
from helpers.packed_data import ROWS, assert_rows, target
format = FORMATS.get("arrayrecord")
assert_rows(format.open(Path({str(home)!r})), {{"train": ROWS}}, 12, 0)
try:
    format().verify(target(Path("notes/1.0.0"), {{"train": ROWS}}))
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=True,
        timeout=120,
    )
    assert "needs 'array_record': pip install 'penstock[arrayrecord]'" in done.stdout


def test_a_wrong_number_of_rows_is_refused(home: Path) -> None:
    dataset(KIND, home)
    written(home / SHARD, [b"one"], "group_size:1")
    with pytest.raises(DataError, match=r"has 1 records, not the 3 of dataset_info.json"):
        tokens(FORMATS.get(KIND).open(home))


def test_a_record_that_is_not_an_example_is_named(home: Path) -> None:
    dataset(KIND, home, {"train": [[[1]]]})
    written(home / SHARD, [b"text"], "group_size:1")
    with pytest.raises(DataError, match=f"{SHARD}: record 1 is not a tf.train.Example"):
        tokens(FORMATS.get(KIND).open(home))


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"text" * 50_000)
    with pytest.raises(DataError, match="cannot be read as ArrayRecord"):
        ArrayRecordFile(tmp_path / "f")
    (tmp_path / "g").write_bytes(bytes(1 << 17))
    with pytest.raises(DataError, match="cannot be read as ArrayRecord"):
        ArrayRecordFile(tmp_path / "g")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, list[bytes]]:
    """A file, its bytes and its records."""
    records = random_records()
    path = written(tmp_path_factory.mktemp("fuzz") / "f", records, "group_size:2")
    return path, path.read_bytes(), records


@given(st.data())
def test_a_changed_byte_never_changes_a_record(
    small: tuple[Path, bytes, list[bytes]], data: st.DataObject
) -> None:
    path, content, records = small
    changed = bytearray(content)
    filled = [at for at in range(0, len(content), 8) if any(content[at : at + 8])]
    at = data.draw(st.sampled_from(filled)) + data.draw(st.integers(0, 7))
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(changed)
    try:
        file = ArrayRecordFile(path)
    except DataError:
        return
    assert len(file) == len(records)
    for index, record in enumerate(records):
        try:
            assert file.record(index) == record
        except DataError as error:
            assert f"record {index + 1}" in str(error)


@given(st.data())
def test_every_truncated_file_is_detected(
    small: tuple[Path, bytes, list[bytes]], data: st.DataObject
) -> None:
    path, content, _ = small
    blocks = st.integers(0, len(content) // 65_536 - 1).map(lambda block: block * 65_536)
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1) | blocks)])
    with pytest.raises(DataError):
        ArrayRecordFile(path)
