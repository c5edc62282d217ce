"""The sources of tokens: random_tokens and dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.manifests import build_recipe
from helpers.small_tokenizers import small_tokenizer
from helpers.source_rows import make
from helpers.token_pairs import write_documents
from penstock.batches import RowStats, TokenBatch
from penstock.errors import ConfigError, DataError
from penstock.files import sha256_of
from penstock.formats import FORMATS, OutputSpec, RowBlock, SplitShape
from penstock.manifest import FileEntry, Manifest
from penstock.sources import Source

#: Rows of segments; each row is at most eight tokens long.
DOCUMENTS = [[[n, 0, n + 1], [n * 7 + 1] * (n % 4 + 1)] for n in range(1, 30)]
TOKENIZER = {"path": "gpt2", "sha256": "sha256:0"}


def documents_of(source: Source, split_bytes: int = 1 << 24) -> list[list[list[int]]]:
    """Return the sequences of every document of a source."""
    found: list[list[list[int]]] = []
    for input_split in source.input_splits(split_bytes):
        number = 0
        for batch in source.read(input_split, RowStats(lambda number: ("", number))):
            assert isinstance(batch, TokenBatch)
            assert list(batch.numbers) == list(range(number, number + len(batch)))
            assert batch.lengths.dtype == batch.sequences.dtype == np.int32
            assert batch.lengths.sum() == len(batch.ids)
            number += len(batch)
            flat = iter(batch.ids.tolist())
            lengths = iter(batch.lengths.tolist())
            found += [
                [[next(flat) for _ in range(next(lengths))] for _ in range(count)]
                for count in batch.sequences.tolist()
            ]
    return found


def write(
    kind: str,
    directory: Path,
    documents: list[list[list[int]]] = DOCUMENTS,
    *,
    tokenizer: dict[str, Any] | None = TOKENIZER,
    recipe: dict[str, Any] | None = None,
) -> Path:
    """Write documents as a dataset with identical splits train and test."""
    segments = [segment for document in documents for segment in document]
    shape = SplitShape(len(documents), len(segments), sum(map(len, segments)))
    packed = kind != "megatron"
    spec = OutputSpec(
        directory=directory,
        name=directory.parent.name if packed else "notes",
        splits={"train": shape, "test": shape},
        dtype=np.dtype(np.int32),
        context=8 if packed else None,
        pad_id=0 if packed else None,
        vocab_size=1000,
    )
    dataset_format = FORMATS.get(kind)()
    directory.mkdir(parents=True)
    ids = np.array([token for segment in segments for token in segment], np.int32)
    lengths = np.array([len(segment) for segment in segments], np.int32)
    first = np.array([0, *np.cumsum([len(document) for document in documents])], np.int64)
    dataset_format.verify(spec)
    written = [
        entry
        for shard in dataset_format.shards(spec)
        for block in [rows_between(ids, lengths, first, shard.start, shard.stop)]
        for entry in dataset_format.write(directory, shard, spec, [block])
    ]
    described = dataset_format.finish(directory, spec, written)
    names = [*(entry.path for entry in written), *described]
    Manifest(
        format=kind,
        files=[FileEntry.of(directory, name) for name in names],
        tokenizer=tokenizer,
        recipe=build_recipe(**(recipe or {})),
        inputs=[],
    ).write(directory)
    return directory


def rows_between(ids: Any, lengths: Any, first: Any, start: int, stop: int) -> RowBlock:
    """Return the rows from `start` up to `stop` as a block."""
    ends = np.concatenate(([0], np.cumsum(lengths)))
    segments = slice(first[start], first[stop])
    return RowBlock(
        ids[ends[first[start]] : ends[first[stop]]],
        lengths[segments],
        first[start : stop + 1] - first[start],
    )


@pytest.mark.parametrize("kind", ["megatron", "packed_jsonl", "tfrecord", "arrayrecord"])
@pytest.mark.parametrize("split_bytes", [300, 1 << 24])
def test_documents_of_every_format_are_read_back(
    tmp_path: Path, kind: str, split_bytes: int
) -> None:
    path = write(kind, tmp_path / "notes" / "1.0.0")
    assert documents_of(make("dataset", path=str(path)), split_bytes) == DOCUMENTS
    assert documents_of(make("dataset", path=str(path), split="test"), split_bytes) == DOCUMENTS


def test_ids_have_the_dtype_of_the_file(tmp_path: Path) -> None:
    path = write("megatron", tmp_path / "notes")
    source = make("dataset", path=str(path / "notes_train_text_document"))
    [input_split] = source.input_splits(1 << 24)
    [batch] = source.read(input_split, RowStats(lambda number: ("", number)))
    assert batch.ids.dtype == np.uint16
    names = ["notes_train_text_document.bin", "notes_train_text_document.idx"]
    assert [Path(name).name for name in source.inputs()] == ["penstock.json", *names]
    (path / "penstock.json").unlink()
    assert [Path(name).name for name in source.inputs()] == names


def test_the_manifest_lists_the_files_and_the_tokenizer(tmp_path: Path) -> None:
    path = write("packed_jsonl", tmp_path / "notes")
    source = make("dataset", path=str(path))
    names = ["test-00000-of-00001.jsonl", "train-00000-of-00001.jsonl"]
    assert source.tokenizer_identity() == TOKENIZER
    assert [Path(file).name for file in source.inputs()] == ["penstock.json", *names]
    (path / "penstock.json").unlink()
    assert source.tokenizer_identity() is None
    assert [Path(file).name for file in source.inputs()] == names


@pytest.mark.parametrize("segmentation", [[1, 1, 2, 0, 0], [0, 2, 2, 1, 0], [3, 0, 0, 3, 3]])
def test_segments_are_separated_wherever_the_padding_is(
    tmp_path: Path, segmentation: list[int]
) -> None:
    row = {"inputs": [5, 0, 6, 7, 8], "inputs_segmentation": segmentation}
    (tmp_path / "train-00000-of-00001.jsonl").write_text(json.dumps(row) + "\n")
    expected: list[list[int]] = []
    for index, (token, segment) in enumerate(zip(row["inputs"], segmentation, strict=True)):
        if segment and index and segmentation[index - 1] == segment:
            expected[-1].append(token)
        elif segment:
            expected.append([token])
    assert documents_of(make("dataset", path=str(tmp_path))) == [expected]


def test_rows_without_segmentation_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train-00000-of-00001.jsonl").write_text('{"inputs": [1, 2]}\n')
    with pytest.raises(DataError, match="has no column inputs_segmentation"):
        documents_of(make("dataset", path=str(tmp_path)))


def test_no_dataset_or_several_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no dataset"):
        make("dataset", path=str(tmp_path)).inputs()
    with pytest.raises(ConfigError, match="is a URL"):
        make("dataset", path="gs://bucket/d").inputs()
    write("packed_jsonl", tmp_path / "one")
    write("packed_jsonl", tmp_path / "two")
    with pytest.raises(ConfigError, match=r"holds 2 datasets; name one: .*one, .*two"):
        make("dataset", path=str(tmp_path)).inputs()
    with pytest.raises(ConfigError, match="has no split 'tset'; did you mean 'test'"):
        make("dataset", path=str(tmp_path / "one"), split="tset").input_splits(1)


def test_a_damaged_dataset_is_reported_with_its_file(tmp_path: Path) -> None:
    path = write("megatron", tmp_path / "notes")
    file = path / "notes_train_text_document.bin"
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(DataError, match=r"notes_train_text_document\.bin"):
        documents_of(make("dataset", path=str(path)))


@settings(max_examples=30)
@given(
    st.integers(1, 40),
    st.sampled_from([1, 7, 20_000]),
    st.integers(1, 1 << 21),
    st.sampled_from(["uniform", "zipf"]),
)
def test_random_tokens_depend_only_on_the_settings(
    count: int, length: int, split_bytes: int, distribution: str
) -> None:
    source = make(
        "random_tokens",
        count=count,
        length=length,
        vocab_size=50,
        distribution=distribution,
        seed=3,
    )
    all_ids = flat(source, 1 << 40)
    assert len(all_ids) == count * length
    assert all_ids.min() >= 0
    assert all_ids.max() < 50
    assert np.array_equal(flat(source, split_bytes), all_ids)


def flat(source: Source, split_bytes: int) -> Any:
    """Return every id of a source."""
    batches = [
        batch
        for input_split in source.input_splits(split_bytes)
        for batch in source.read(input_split, RowStats(lambda number: ("", number)))
    ]
    return np.concatenate([batch.ids for batch in batches if isinstance(batch, TokenBatch)])


def test_random_tokens_are_declared_synthetic() -> None:
    source = make("random_tokens", count=2, length=3, vocab_size=10)
    assert source.synthetic
    assert source.inputs() == []
    assert not any(make(kind, path="a").synthetic for kind in ("jsonl", "text", "csv", "parquet"))


@pytest.mark.parametrize("flag", ["synthetic", "redact"])
@pytest.mark.parametrize(
    "named", ["..", "", "notes_train_text_document", "notes_test_text_document.idx"]
)
def test_properties_of_a_dataset_are_read_from_its_manifest(
    tmp_path: Path, flag: str, named: str
) -> None:
    path = write("megatron", tmp_path / "all" / "notes", recipe={flag: True})
    split = "test" if "test" in named else "train"
    source = make("dataset", path=str(path / named), split=split)
    assert (source.synthetic, source.confidential) == (flag == "synthetic", flag == "redact")
    assert source.tokenizer_identity() == TOKENIZER


def test_a_tokenizer_can_be_named_if_the_manifest_has_none(tmp_path: Path) -> None:
    directory = small_tokenizer(tmp_path / "tokenizer")
    path = write("packed_jsonl", tmp_path / "notes", tokenizer=None)
    source = make("dataset", path=str(path), tokenizer=str(directory))
    identity = source.tokenizer_identity()
    assert identity is not None
    assert identity["sha256"] == sha256_of(directory / "tokenizer.json")
    assert (identity["vocab_size"], identity["eod_id"], identity["engine"]) == (300, 0, None)
    assert {str(file) for file in directory.iterdir()} < set(source.inputs())
    write("packed_jsonl", tmp_path / "known", tokenizer=identity)
    same = make("dataset", path=str(tmp_path / "known"), tokenizer=str(directory))
    assert same.tokenizer_identity() == identity
    other = make(
        "dataset", path=str(write("packed_jsonl", tmp_path / "c")), tokenizer=str(directory)
    )
    with pytest.raises(ConfigError, match=r"was made by another tokenizer than .*; leave it out"):
        other.tokenizer_identity()


def test_floats_are_not_ids(tmp_path: Path) -> None:
    prefix = write_documents(tmp_path / "a_text_document", [[[100, 101]], [[102]]], np.int32)
    index = prefix.with_suffix(".idx")
    content = bytearray(index.read_bytes())
    content[17] = 7  # uint32 to DeepSpeed, float32 to Megatron
    index.write_bytes(content)
    with pytest.raises(DataError, match="holds float32, which are not ids; DeepSpeed"):
        documents_of(make("dataset", path=str(prefix)))


def test_random_tokens_have_the_requested_distribution_and_dtype() -> None:
    size = {"count": 100, "length": 1000}
    uniform = flat(make("random_tokens", **size, vocab_size=100), 1 << 30)
    assert np.bincount(uniform).min() > 800
    zipf = flat(make("random_tokens", **size, vocab_size=100, distribution="zipf"), 1 << 30)
    often = np.bincount(zipf, minlength=100)
    assert 1.9 < often[0] / often[1] < 2.1
    assert uniform.dtype == np.uint16
    assert flat(make("random_tokens", **size, vocab_size=100_000), 1 << 30).dtype == np.int32
    other = flat(make("random_tokens", **size, vocab_size=100, seed=1), 1 << 30)
    assert not np.array_equal(uniform, other)
