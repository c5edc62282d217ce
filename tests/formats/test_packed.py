"""Packed rows: the content of each column, and refused ids and rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.packed_data import CONTEXT, Rows, block, expected, target
from penstock.errors import ConfigError, DataError
from penstock.formats import FORMATS, RowBlock
from penstock.formats._packed import COLUMNS, PackedFormat

FILE = Path("notes-train.tfrecord-00000-of-00001")

rows = st.lists(
    st.lists(st.lists(st.integers(0, 50_256), min_size=1, max_size=6), max_size=4),
    min_size=1,
    max_size=8,
)


def columns_of(
    given_rows: Rows, *, context: int = 24, pad_id: int = 0, dtype: Any = np.int64, **settings: Any
) -> dict[str, list[list[int]]]:
    """Return the columns that a format produces from rows."""
    format = FORMATS.get("tfrecord")(**settings)
    assert isinstance(format, PackedFormat)
    aim = target(FILE, {"train": given_rows}, context=context, pad_id=pad_id)
    parts: dict[str, list[list[int]]] = {}
    for columns in format.column_blocks(FILE, aim, [block(given_rows, dtype)]):
        for name, column in columns.items():
            parts.setdefault(name, []).extend(column.tolist())
    return parts


def test_documents_are_separated_and_their_last_token_is_masked() -> None:
    made = columns_of([[[5, 6, 7], [8, 9]]], context=8, pad_id=50)
    assert {name: column[0] for name, column in made.items()} == {
        "inputs": [5, 6, 7, 8, 9, 50, 50, 50],
        "targets": [6, 7, 50, 9, 50, 50, 50, 50],
        "inputs_position": [0, 1, 2, 0, 1, 0, 0, 0],
        "targets_position": [0, 1, 2, 0, 1, 0, 0, 0],
        "inputs_segmentation": [1, 1, 1, 2, 2, 0, 0, 0],
        "targets_segmentation": [1, 1, 0, 2, 0, 0, 0, 0],
    }


def test_a_token_with_the_padding_id_is_not_masked() -> None:
    made = columns_of([[[0, 0, 0]]], context=4)
    assert made["inputs"] == made["targets"] == [[0, 0, 0, 0]]
    assert made["inputs_segmentation"] == [[1, 1, 1, 0]]
    assert made["targets_segmentation"] == [[1, 1, 0, 0]]


def test_same_targets_equal_inputs_without_a_mask() -> None:
    made = columns_of([[[5, 6, 7], [8, 9]]], context=8, targets="same")
    assert made["targets"] == made["inputs"]
    assert made["targets_segmentation"] == made["inputs_segmentation"]


def test_only_the_named_columns_are_produced() -> None:
    made = columns_of([[[5, 6]]], columns=["inputs", "inputs_segmentation"])
    assert set(made) == {"inputs", "inputs_segmentation"}


@given(rows)
def test_columns_equal_those_of_a_plain_loop(given_rows: Rows) -> None:
    made = columns_of(given_rows, pad_id=7)
    for number, documents in enumerate(given_rows):
        assert {name: made[name][number] for name in made} == expected(documents, 24, 7)


@given(rows)
def test_no_document_predicts_a_token_of_another(given_rows: Rows) -> None:
    made = {name: np.array(column) for name, column in columns_of(given_rows).items()}
    counted = made["targets_segmentation"][:, :-1] != 0
    inputs, segments = made["inputs"], made["inputs_segmentation"]
    assert (made["targets"][:, :-1][counted] == inputs[:, 1:][counted]).all()
    assert (segments[:, :-1][counted] == segments[:, 1:][counted]).all()
    assert (made["targets_segmentation"][:, -1] == 0).all()


def test_an_empty_document_gets_no_segment_number() -> None:
    made = columns_of([[[5], [], [6]]], context=4)
    assert made["inputs_segmentation"] == [[1, 2, 0, 0]]


@pytest.mark.parametrize("bad", [2**31, 2**31 + 5, 2**40])
def test_an_id_outside_of_int32_is_refused(bad: int) -> None:
    aim = target(FILE, {"train": [[[1, bad]]]}, vocab_size=None)
    format = FORMATS.get("tfrecord")()
    assert isinstance(format, PackedFormat)
    with pytest.raises(DataError, match=f"row 3: the id {bad} does not fit in int32"):
        list(format.column_blocks(FILE, aim, [block([[[1]], [[2], [3]]]), block([[[1, bad]]])]))


@pytest.mark.parametrize("bad", [50_257, -1])
def test_an_id_outside_of_the_vocabulary_is_refused_with_its_row(bad: int) -> None:
    with pytest.raises(DataError, match=f"row 2: the id {bad} is not in the vocabulary of 50,257"):
        columns_of([[[1]], [[2, bad]]])


def test_a_row_longer_than_the_context_is_refused_with_a_fix() -> None:
    with pytest.raises(DataError, match="row 2 has 5 tokens, more than the context of 4; split"):
        columns_of([[[1]], [[1, 2], [3, 4, 5]]], context=4)


def test_a_block_whose_lengths_do_not_match_its_ids_is_a_bug() -> None:
    wrong = RowBlock(np.arange(3), np.array([2], np.int32), np.array([0, 1]))
    format = FORMATS.get("tfrecord")()
    assert isinstance(format, PackedFormat)
    with pytest.raises(ValueError, match="do not match its ids"):
        list(format.column_blocks(FILE, target(FILE, {"train": [[[1, 2]]]}), [wrong]))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint32, np.uint64])
def test_ids_of_every_dtype_give_the_same_columns(dtype: Any) -> None:
    given_rows = [[[5, 50_256], [0]], [[1, 2, 3]]]
    assert columns_of(given_rows, dtype=dtype) == columns_of(given_rows)


def test_many_rows_of_a_long_context_are_produced_in_batches() -> None:
    given_rows = [[[number]] for number in range(60)]
    made = columns_of(given_rows, context=1 << 16)
    assert [row[0] for row in made["inputs"]] == list(range(60))


@pytest.mark.parametrize("kind", ["packed_jsonl", "tfrecord", "arrayrecord"])
def test_defaults_are_all_columns_and_256_rows_per_shard(kind: str) -> None:
    format = FORMATS.get(kind)()
    assert isinstance(format, PackedFormat)
    assert format.columns == tuple(COLUMNS)
    assert format.targets == "shifted"
    assert format.rows_per_shard == 256


def test_shards_have_nearly_equal_size_within_the_limit() -> None:
    format = FORMATS.get("packed_jsonl")(rows_per_shard=4)
    aim = target(Path("d"), {"train": [[[1]]] * 9, "test": [[[1]]]})
    shards = format.shards(aim)
    assert [(shard.split, shard.start, shard.stop) for shard in shards] == [
        ("train", 0, 3),
        ("train", 3, 6),
        ("train", 6, 9),
        ("test", 0, 1),
    ]


def test_rows_of_different_lengths_are_refused() -> None:
    aim = target(Path("d"), {"train": [[[1]]]}, context=None)
    with pytest.raises(ConfigError, match="give the steps `split` and `pack` a context"):
        FORMATS.get("packed_jsonl")().verify(aim)


def test_missing_padding_id_is_refused() -> None:
    aim = target(Path("d"), {"train": [[[1]]]}, pad_id=None)
    with pytest.raises(ConfigError, match="add the step `pad`"):
        FORMATS.get("packed_jsonl")().verify(aim)
    full = target(Path("d"), {"train": [[list(range(CONTEXT))]]}, pad_id=None)
    FORMATS.get("packed_jsonl")().verify(full)


@pytest.mark.parametrize(
    ("pad_id", "vocab_size"),
    [(2**32 + 7, None), (2**31, None), (300, 300), (999_999, 300), (-1, 9)],
)
def test_invalid_padding_id_is_refused(pad_id: int, vocab_size: int | None) -> None:
    form = FORMATS.get("packed_jsonl")()
    aim = target(Path("d"), {"train": [[[1]]]}, pad_id=pad_id, vocab_size=vocab_size)
    with pytest.raises(ConfigError, match=f"the padding id {pad_id} is not below"):
        form.verify(aim)
    form.verify(target(Path("d"), {"train": [[[1]]]}, pad_id=299, vocab_size=300))


def test_ids_that_are_not_integers_are_refused() -> None:
    with pytest.raises(DataError, match="ids must be integers, not float32"):
        columns_of([[[1, 2]]], dtype=np.float32)


@pytest.mark.parametrize("columns", [["targets"], ["inputs", "inputs"]])
def test_columns_without_inputs_or_twice_are_refused(columns: list[str]) -> None:
    aim = target(Path("d"), {"train": [[[1]]]})
    with pytest.raises(ConfigError, match="must contain `inputs`, and no column twice"):
        FORMATS.get("packed_jsonl")(columns=columns).verify(aim)
