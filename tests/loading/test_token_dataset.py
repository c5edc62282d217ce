"""Samples of a TokenDataset: tokens, padding, labels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.token_pairs import write_documents, write_flat
from penstock.errors import ConfigError, DataError
from penstock.formats.megatron import IndexedReader
from penstock.loading import IGNORED, TokenDataset, fingerprint


def columns(dataset: TokenDataset, name: str) -> list[list[int]]:
    return [sample[name].tolist() for sample in dataset]


def test_concat_cuts_all_tokens_into_windows_and_pads_the_last(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 5, 0, 5), 4, pad_id=99)
    assert columns(dataset, "input_ids") == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 99, 99]]
    assert columns(dataset, "labels") == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, IGNORED, IGNORED]]
    assert set(dataset[0]) == {"input_ids", "labels"}
    assert dataset[0]["input_ids"].dtype == dataset[0]["labels"].dtype == np.int64
    assert (dataset.tokens, dataset.padding, dataset.dropped) == (10, 2, 0)


def test_a_dropped_last_window_is_counted(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 5, 5), 4, last="drop")
    assert columns(dataset, "input_ids") == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert (dataset.padding, dataset.dropped) == (0, 2)


def test_shifted_labels_are_the_next_tokens(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 5, 5), 4, shifted=True, pad_id=99)
    assert columns(dataset, "input_ids") == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 99, 99]]
    assert columns(dataset, "labels") == [[1, 2, 3, 4], [5, 6, 7, 8], [9, *[IGNORED] * 3]]
    assert columns(TokenDataset(tmp_path / "a", 4, shifted=True, last="drop"), "labels") == [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
    ]


def test_document_mode_never_reads_across_documents(tmp_path: Path) -> None:
    documents = [[[1, 2], [3]], [[4, 5, 6, 7, 8, 9, 10]], [], [[11, 12, 13, 14]], [[15]]]
    dataset = TokenDataset(write_documents(tmp_path / "a", documents), 4, mode="document")
    assert columns(dataset, "input_ids") == [
        [1, 2, 3, 0],
        [4, 5, 6, 7],
        [8, 9, 10, 0],
        [11, 12, 13, 14],
        [15, 0, 0, 0],
    ]
    assert columns(dataset, "attention_mask") == [
        [1, 1, 1, 0],
        [1, 1, 1, 1],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
        [1, 0, 0, 0],
    ]
    assert columns(dataset, "labels")[4] == [15, *[IGNORED] * 3]
    assert (dataset.padding, dataset.dropped) == (5, 0)
    shifted = TokenDataset(tmp_path / "a", 4, mode="document", shifted=True)
    assert columns(shifted, "labels") == [
        [2, 3, IGNORED, IGNORED],
        [5, 6, 7, 8],
        [9, 10, IGNORED, IGNORED],
        [12, 13, 14, IGNORED],
    ]
    assert shifted.dropped == 1  # 15 has no next token


@given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=600),
    length=st.integers(1, 9),
    mode=st.sampled_from(["concat", "document"]),
    shifted=st.booleans(),
    last=st.sampled_from(["pad", "drop"]),
)
def test_every_token_is_read_or_counted(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[int],
    length: int,
    mode: str,
    shifted: bool,
    last: str,
) -> None:
    prefix = write_flat(tmp_path_factory.mktemp("any") / "a", *lengths)
    try:
        dataset = TokenDataset(prefix, length, mode=mode, shifted=shifted, last=last, pad_id=65_535)  # type: ignore[arg-type]
    except DataError as error:
        assert "0 samples" in str(error)
        return
    batch = dataset.batch(range(len(dataset)))
    ids, labels = batch["input_ids"], batch["labels"]
    real = ids != 65_535
    read = set(ids[real].tolist()) | set(labels[labels != IGNORED].tolist())
    assert len(read) == dataset.tokens - dataset.dropped
    assert int((~real).sum()) == dataset.padding
    kept = labels != IGNORED
    assert (labels[kept] == ids[kept] + shifted).all()
    assert not kept[~real].any()
    if not shifted:
        assert (kept == real).all()
    if mode == "document":
        assert (batch["attention_mask"] == real).all()
        owner = np.repeat(np.arange(len(lengths)), lengths)
        for row, held in zip(ids, real, strict=True):
            assert len(set(owner[row[held]].tolist())) == 1


def test_a_batch_has_the_samples_of_its_indices(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", 700, 3, 400)
    for options in ({}, {"mode": "document"}, {"shuffle": True}, {"shifted": True}):
        dataset = TokenDataset(prefix, 7, **options)  # type: ignore[arg-type]
        for indices in ([5, 0, 5], range(3, 40), np.arange(len(dataset))[::-1], []):
            batch = dataset.batch(indices)
            assert batch["input_ids"].shape == (len(indices), 7)
            for row, index in enumerate(indices):
                for name, column in batch.items():
                    assert column[row].tolist() == dataset[index][name].tolist()


def test_samples_can_be_changed_without_changing_others(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 64), 8)
    first, second = dataset.__getitems__([0, 1])
    first["labels"][:] = IGNORED
    first["input_ids"][:] = 7
    assert second["input_ids"].tolist() == second["labels"].tolist() == list(range(8, 16))
    assert dataset[0]["input_ids"].tolist() == list(range(8))


def test_an_index_out_of_range_is_refused(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 64), 8)
    assert dataset[-1]["input_ids"][0] == 56
    for index in (8, -9):
        with pytest.raises(IndexError, match=f"{index} is not one of 8 samples"):
            dataset[index]
    for indices in ([-1], [0, 8]):
        with pytest.raises(IndexError, match="not all from 0 to 7"):
            dataset.batch(indices)


def test_a_directory_a_split_a_file_or_a_reader_can_be_opened(tmp_path: Path) -> None:
    write_flat(tmp_path / "notes_train_text_document", 30)
    test = write_flat(tmp_path / "notes_test_text_document", 20)
    assert len(TokenDataset(tmp_path, 10, split="test")) == 2
    assert len(TokenDataset(str(test), 10)) == 2
    assert len(TokenDataset(test.with_suffix(".idx"), 10)) == 2
    assert len(TokenDataset(IndexedReader(test), 10)) == 2
    with pytest.raises(ConfigError, match="has the splits train, test; name one"):
        TokenDataset(tmp_path, 10)
    with pytest.raises(ConfigError, match=r"split: 'tset' is none of train, test; did you mean"):
        TokenDataset(tmp_path, 10, split="tset")


def test_vocab_size_refuses_ids_of_another_vocabulary(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", 50, 51)
    assert len(list(TokenDataset(prefix, 10, vocab_size=101))) == 11
    with pytest.raises(
        DataError, match=r"a\.bin: the id 100 in the window from token 100 is not below vocab_size"
    ):
        list(TokenDataset(prefix, 10, vocab_size=100))
    with pytest.raises(DataError, match="the id 100 in the window from token 90"):
        TokenDataset(prefix, 10, vocab_size=100, shifted=True)[9]
    with pytest.raises(DataError, match="the id -1 in the window from token 0"):
        TokenDataset(write_documents(tmp_path / "b", [[[-1]]], "<i4"), 1, vocab_size=9)[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seq_length": 0}, "seq_length: must be at least 1, not 0"),
        ({"mode": "documents"}, "mode: 'documents' is none of concat, document; did you mean"),
        ({"last": "keep"}, "last: 'keep' is none of pad, drop"),
        ({"pad_id": 9, "vocab_size": 9}, "pad_id: 9 is not below vocab_size, 9"),
    ],
)
def test_invalid_settings_are_refused(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    prefix = write_flat(tmp_path / "a", 50)
    with pytest.raises(ConfigError, match=words):
        TokenDataset(prefix, **({"seq_length": 4} | options))  # type: ignore[arg-type]


def test_data_without_a_sample_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 tokens give 0 samples of 4"):
        TokenDataset(write_documents(tmp_path / "a", [[], []]), 4)
    with pytest.raises(DataError, match="3 tokens give 0 samples of 4"):
        TokenDataset(write_flat(tmp_path / "b", 3), 4, last="drop")
    prefix = write_flat(tmp_path / "c", 4)
    index = prefix.with_suffix(".idx")
    content = bytearray(index.read_bytes())
    content[17] = 7
    index.write_bytes(content)
    prefix.with_suffix(".bin").write_bytes(bytes(16))
    with pytest.raises(DataError, match="holds float32, which are not ids; DeepSpeed"):
        TokenDataset(prefix, 4)


def test_document_mode_validates_the_index_when_created(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", *[10] * 50)
    index = prefix.with_suffix(".idx")
    content = bytearray(index.read_bytes())
    content[34 + 4 * 50 + 8 * 20] ^= 4  # the address of sequence 20
    index.write_bytes(content)
    with pytest.raises(DataError, match="address and length of sequence 19 do not match"):
        TokenDataset(prefix, 4, mode="document")


def test_a_fingerprint_depends_only_on_the_ids_and_their_order() -> None:
    ids = np.arange(12).reshape(3, 4)
    expected = fingerprint({"input_ids": ids})
    assert expected.startswith("sha256:")
    assert len(expected) == 71
    for same in (ids.astype(np.uint16), ids.tolist(), ids.reshape(2, 6), np.asfortranarray(ids)):
        assert fingerprint(same) == expected
    assert fingerprint(ids[::-1]) != expected
    assert fingerprint(ids[:2]) != expected


def test_the_first_batch_has_a_fingerprint(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 64), 8, shuffle=True)
    assert dataset.fingerprint(4) == fingerprint(dataset.batch(range(4)))
    assert dataset.fingerprint(4) != dataset.fingerprint(3)


def test_only_numpy_is_needed() -> None:
    code = (
        "import sys; from penstock.loading import TokenDataset;"
        "print({'torch', 'numba', 'pandas', 'pyarrow', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


def test_after_reading_by_index_the_state_needs_the_number_of_samples(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 40), 4)
    dataset.__getitems__([0, 1, 2])
    with pytest.raises(ConfigError, match=r"state_dict\(taken=batches \* batch_size\)"):
        dataset.state_dict()
    resumed = TokenDataset(write_flat(tmp_path / "b", 40), 4)
    resumed.load_state_dict(dataset.state_dict(taken=3))
    assert resumed[0]["input_ids"].tolist() == [12, 13, 14, 15]


def test_an_invalid_state_is_refused(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 40), 4)
    with pytest.raises(ConfigError, match="no state of a TokenDataset: it has no 'content'"):
        dataset.load_state_dict({})
