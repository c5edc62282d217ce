"""megatron-core as the peer: equal bytes, each reads the other's files, equal samples."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.token_pairs import write_documents
from penstock.errors import ConfigError, DataError
from penstock.formats.megatron import IndexedReader, megatron_dtype, merge
from penstock.loading import TokenDataset

torch = pytest.importorskip("torch")
indexed = pytest.importorskip("megatron.core.datasets.indexed_dataset")

DOCUMENTS: list[list[list[int]]] = [
    [[464, 3290, 318], [50256]],
    [],
    [[11, 12, 13, 14, 15]],
    [[], [7]],
    [[1] * 300, [2], [3] * 70],
]
CODES = {"u1": 1, "i1": 2, "<i2": 3, "<i4": 4, "<i8": 5, "<f8": 6, "<f4": 7, "<u2": 8}


def build(
    prefix: Path, documents: Sequence[Sequence[Sequence[int]]], dtype: Any, *, modes: bool = False
) -> Path:
    """Write documents with megatron-core's builder."""
    builder = indexed.IndexedDatasetBuilder(f"{prefix}.bin", dtype=dtype, multimodal=modes)
    for document in documents:
        ids = torch.tensor([token for sequence in document for token in sequence])
        lengths = [len(sequence) for sequence in document]
        builder.add_document(ids, lengths, *([[n % 2 for n in lengths]] if modes else []))
    builder.finalize(f"{prefix}.idx")
    return prefix


def content(prefix: Path) -> list[bytes]:
    return [prefix.with_suffix(suffix).read_bytes() for suffix in (".bin", ".idx")]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64])
def test_bytes_equal_those_of_its_builder(tmp_path: Path, dtype: Any) -> None:
    ours = write_documents(tmp_path / "ours", DOCUMENTS, dtype)
    assert content(ours) == content(build(tmp_path / "its", DOCUMENTS, dtype))


def test_its_reader_reads_our_files(tmp_path: Path) -> None:
    its = indexed.IndexedDataset(str(write_documents(tmp_path / "ours", DOCUMENTS)))
    sequences = [sequence for document in DOCUMENTS for sequence in document]
    assert [its[number].tolist() for number in range(len(its))] == sequences
    assert its.document_indices.tolist() == [0, 2, 2, 3, 5, 8]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint16, np.float32, np.float64])
def test_our_reader_reads_its_files(tmp_path: Path, dtype: Any) -> None:
    documents = [[[n % 200 for n in s] for s in document] for document in DOCUMENTS]
    reader = IndexedReader(build(tmp_path / "its", documents, dtype))
    reader.verify()
    assert reader.dtype == dtype
    assert [reader[n].tolist() for n in range(len(reader))] == [s for d in documents for s in d]


def test_its_modes_are_read(tmp_path: Path) -> None:
    prefix = build(tmp_path / "its", DOCUMENTS, np.int32, modes=True)
    its, reader = indexed.IndexedDataset(str(prefix), multimodal=True), IndexedReader(prefix)
    assert reader.modes is not None
    assert reader.modes.tolist() == [mode for _, mode in map(its.get, range(len(its)))]


def test_the_dtype_of_a_vocabulary_equals_its_choice() -> None:
    for size in (1, 50_257, 65_499, 65_500, 65_535, 65_536, 151_643):
        assert megatron_dtype(size) == indexed.DType.optimal_dtype(size)
    for name, code in CODES.items():
        assert indexed.DType.dtype_from_code(code) == np.dtype(name)


def test_a_merge_has_the_bytes_of_its_merge(tmp_path: Path) -> None:
    prefixes = [
        build(tmp_path / "a", DOCUMENTS, np.uint16),
        build(tmp_path / "b", DOCUMENTS[2:], np.uint16),
    ]
    builder = indexed.IndexedDatasetBuilder(f"{tmp_path}/its.bin", dtype=np.uint16)
    for prefix in prefixes:
        builder.add_index(str(prefix))
    builder.finalize(f"{tmp_path}/its.idx")
    merge(prefixes, tmp_path / "ours")
    assert content(tmp_path / "ours") == content(tmp_path / "its")


def test_a_truncated_bin_that_it_opens_is_refused(tmp_path: Path) -> None:
    prefix = build(tmp_path / "a", DOCUMENTS, np.uint16)
    tokens = prefix.with_suffix(".bin")
    tokens.write_bytes(tokens.read_bytes()[:-100])
    assert len(indexed.IndexedDataset(str(prefix))) == 8
    with pytest.raises(DataError, match=r"a\.bin: has 662 bytes, not 762; it is truncated"):
        IndexedReader(prefix)


def test_the_wrong_bin_that_it_accepts_is_refused(tmp_path: Path) -> None:
    prefix = build(tmp_path / "a", DOCUMENTS, np.uint16)
    other = build(tmp_path / "b", [[[9] * 5000]], np.uint16)
    other.with_suffix(".bin").replace(prefix.with_suffix(".bin"))
    its = indexed.IndexedDataset(str(prefix))  # an array of a temporary one is a crash
    assert its[0].tolist() == [9, 9, 9]
    with pytest.raises(DataError, match=r"a\.bin: has 10,000 bytes, not 762"):
        IndexedReader(prefix)


def test_lengths_that_do_not_add_up_and_shift_its_sequences_are_refused(
    tmp_path: Path,
) -> None:
    builder = indexed.IndexedDatasetBuilder(f"{tmp_path}/a.bin", dtype=np.uint16)
    builder.add_document(torch.tensor([1, 2, 3]), [2])
    builder.add_document(torch.tensor([4, 5]), [2])
    builder.finalize(f"{tmp_path}/a.idx")
    its = indexed.IndexedDataset(f"{tmp_path}/a")
    assert its[1].tolist() == [3, 4]
    with pytest.raises(DataError, match=r"a\.bin: has 10 bytes, not 8; it is too long"):
        IndexedReader(tmp_path / "a")


def test_arrays_remain_valid_after_the_reader_is_deleted(tmp_path: Path) -> None:
    prefix = build(tmp_path / "a", DOCUMENTS, np.uint16)
    kept = [IndexedReader(prefix)[0] for _ in range(20)]
    gc.collect()
    assert [ids.tolist() for ids in kept] == [[464, 3290, 318]] * 20


def gpt_dataset(prefix: Path, seq_length: int) -> Any:
    """Return megatron-core's GPTDataset over all sequences of a pair, one epoch."""
    gpt = pytest.importorskip("megatron.core.datasets.gpt_dataset")
    utils = pytest.importorskip("megatron.core.datasets.utils")
    tokenizer = SimpleNamespace(eod=50256, eos=50256, pad=0, vocab_size=50257)
    tokenizer.unique_identifiers = {"class": "stub"}
    config = gpt.GPTDatasetConfig(
        random_seed=1234,
        sequence_length=seq_length,
        blend=None,
        split="100,0,0",
        path_to_cache=str(prefix.parent / "cache"),
        tokenizer=tokenizer,
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
    )
    low = indexed.IndexedDataset(str(prefix))
    indices = np.arange(len(low), dtype=np.int32)
    return gpt.GPTDataset(low, str(prefix), indices, None, utils.Split.train, config)


def test_gpt_dataset_yields_the_same_tokens_for_the_same_documents(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    documents = [[rng.integers(1, 50_257, size).tolist()] for size in rng.integers(1, 300, 200)]
    its = gpt_dataset(build(tmp_path / "its", documents, np.uint16), 64)
    # It shuffles documents, then samples; the same documents in its order are written here.
    shuffled = [documents[number] for number in its.document_index]
    ours = TokenDataset(write_documents(tmp_path / "ours", shuffled), 64, shifted=True, last="drop")
    assert len(its) == len(ours) > 400
    for number in range(len(its)):
        theirs, sample = its[number], ours[int(its.shuffle_index[number])]
        assert theirs["tokens"].tolist() == sample["input_ids"].tolist()
        assert theirs["labels"].tolist() == sample["labels"].tolist()


def test_our_labels_are_not_shifted(tmp_path: Path) -> None:
    documents = [[list(range(1, 66))]]
    its = gpt_dataset(build(tmp_path / "its", documents, np.uint16), 64)[0]
    ours = TokenDataset(tmp_path / "its", 64)[0]
    assert its["labels"].tolist()[:3] == [2, 3, 4]
    assert ours["labels"].tolist() == ours["input_ids"].tolist() == its["tokens"].tolist()


def test_rewritten_data_are_read_again(tmp_path: Path) -> None:
    prefix = build(tmp_path / "a", [[[1] * 100]], np.uint16)
    state = TokenDataset(prefix, 10).state_dict()
    build(prefix, [[[2] * 100]], np.uint16)
    again = TokenDataset(prefix, 10)
    assert again[0]["input_ids"].tolist() == [2] * 10
    with pytest.raises(ConfigError, match="the saved state is of other data"):
        again.load_state_dict(state)
