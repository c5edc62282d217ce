"""Packed rows: what each column says, and which ids and rows are refused."""

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
    """Return the columns that a format makes of rows."""
    format = FORMATS.get("tfrecord")(**settings)
    assert isinstance(format, PackedFormat)
    aim = target(FILE, {"train": given_rows}, context=context, pad_id=pad_id)
    parts: dict[str, list[list[int]]] = {}
    for columns in format.column_blocks(FILE, aim, [block(given_rows, dtype)]):
        for name, column in columns.items():
            parts.setdefault(name, []).extend(column.tolist())
    return parts


def test_documents_are_kept_apart_and_their_last_token_predicts_nothing() -> None:
    made = columns_of([[[5, 6, 7], [8, 9]]], context=8, pad_id=50)
    assert {name: column[0] for name, column in made.items()} == {
        "inputs": [5, 6, 7, 8, 9, 50, 50, 50],
        "targets": [6, 7, 50, 9, 50, 50, 50, 50],
        "inputs_position": [0, 1, 2, 0, 1, 0, 0, 0],
        "targets_position": [0, 1, 2, 0, 1, 0, 0, 0],
        "inputs_segmentation": [1, 1, 1, 2, 2, 0, 0, 0],
        "targets_segmentation": [1, 1, 0, 2, 0, 0, 0, 0],
    }


def test_a_token_with_the_id_of_padding_counts_like_any_other() -> None:
    made = columns_of([[[0, 0, 0]]], context=4)
    assert made["inputs"] == made["targets"] == [[0, 0, 0, 0]]
    assert made["inputs_segmentation"] == [[1, 1, 1, 0]]
    assert made["targets_segmentation"] == [[1, 1, 0, 0]]


def test_same_targets_are_the_inputs_with_no_place_masked() -> None:
    made = columns_of([[[5, 6, 7], [8, 9]]], context=8, targets="same")
    assert made["targets"] == made["inputs"]
    assert made["targets_segmentation"] == made["inputs_segmentation"]


def test_only_the_columns_that_are_named_are_made() -> None:
    made = columns_of([[[5, 6]]], columns=["inputs", "inputs_segmentation"])
    assert set(made) == {"inputs", "inputs_segmentation"}


@given(rows)
def test_columns_are_what_a_plain_loop_makes(given_rows: Rows) -> None:
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


def test_a_document_without_tokens_leaves_no_gap_in_the_numbers() -> None:
    made = columns_of([[[5], [], [6]]], context=4)
    assert made["inputs_segmentation"] == [[1, 2, 0, 0]]


@pytest.mark.parametrize("bad", [2**31, 2**31 + 5, 2**40])
def test_an_id_that_an_int32_cannot_hold_is_refused_and_never_wrapped(bad: int) -> None:
    aim = target(FILE, {"train": [[[1, bad]]]}, vocab_size=None)
    format = FORMATS.get("tfrecord")()
    assert isinstance(format, PackedFormat)
    with pytest.raises(DataError, match=f"row 3: the id {bad} is not in an int32"):
        list(format.column_blocks(FILE, aim, [block([[[1]], [[2], [3]]]), block([[[1, bad]]])]))


@pytest.mark.parametrize("bad", [50_257, -1])
def test_an_id_out_of_the_vocabulary_is_refused_with_its_row(bad: int) -> None:
    with pytest.raises(DataError, match=f"row 2: the id {bad} is not in the vocabulary of 50,257"):
        columns_of([[[1]], [[2, bad]]])


def test_a_row_longer_than_the_context_is_refused_with_the_mend() -> None:
    with pytest.raises(DataError, match="row 2 has 5 tokens, more than the context of 4; split"):
        columns_of([[[1]], [[1, 2], [3, 4, 5]]], context=4)


def test_a_block_whose_lengths_do_not_fit_its_ids_is_a_bug() -> None:
    wrong = RowBlock(np.arange(3), np.array([2], np.int32), np.array([0, 1]))
    format = FORMATS.get("tfrecord")()
    assert isinstance(format, PackedFormat)
    with pytest.raises(ValueError, match="not those of its ids"):
        list(format.column_blocks(FILE, target(FILE, {"train": [[[1, 2]]]}), [wrong]))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint32, np.uint64])
def test_ids_of_every_dtype_give_the_same_columns(dtype: Any) -> None:
    given_rows = [[[5, 50_256], [0]], [[1, 2, 3]]]
    assert columns_of(given_rows, dtype=dtype) == columns_of(given_rows)


def test_many_rows_of_a_long_context_are_made_a_few_at_a_time() -> None:
    given_rows = [[[number]] for number in range(60)]
    made = columns_of(given_rows, context=1 << 16)
    assert [row[0] for row in made["inputs"]] == list(range(60))


@pytest.mark.parametrize("kind", ["packed_jsonl", "tfrecord", "arrayrecord"])
def test_all_columns_and_256_rows_a_shard_are_the_defaults(kind: str) -> None:
    format = FORMATS.get(kind)()
    assert isinstance(format, PackedFormat)
    assert format.columns == tuple(COLUMNS)
    assert format.targets == "shifted"
    assert format.rows_per_shard == 256


def test_shards_are_even_and_never_above_the_limit() -> None:
    format = FORMATS.get("packed_jsonl")(rows_per_shard=4)
    aim = target(Path("d"), {"train": [[[1]]] * 9, "test": [[[1]]]})
    shards = format.shards(aim)
    assert [(shard.split, shard.start, shard.stop) for shard in shards] == [
        ("train", 0, 3),
        ("train", 3, 6),
        ("train", 6, 9),
        ("test", 0, 1),
    ]


def test_rows_without_one_length_are_refused() -> None:
    aim = target(Path("d"), {"train": [[[1]]]}, context=None)
    with pytest.raises(ConfigError, match="give the steps `split` and `pack` a context"):
        FORMATS.get("packed_jsonl")().verify(aim)


def test_padding_that_no_id_is_given_for_is_refused() -> None:
    aim = target(Path("d"), {"train": [[[1]]]}, pad_id=None)
    with pytest.raises(ConfigError, match="add the step `pad`"):
        FORMATS.get("packed_jsonl")().verify(aim)
    full = target(Path("d"), {"train": [[list(range(CONTEXT))]]}, pad_id=None)
    FORMATS.get("packed_jsonl")().verify(full)


@pytest.mark.parametrize(
    ("pad_id", "vocab_size"),
    [(2**32 + 7, None), (2**31, None), (300, 300), (999_999, 300), (-1, 9)],
)
def test_padding_is_an_id_like_any_other(pad_id: int, vocab_size: int | None) -> None:
    form = FORMATS.get("packed_jsonl")()
    aim = target(Path("d"), {"train": [[[1]]]}, pad_id=pad_id, vocab_size=vocab_size)
    with pytest.raises(ConfigError, match=f"the id {pad_id} of the padding is not one of"):
        form.verify(aim)
    form.verify(target(Path("d"), {"train": [[[1]]]}, pad_id=299, vocab_size=300))


def test_ids_that_are_no_whole_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="ids are whole numbers, not float32"):
        columns_of([[[1, 2]]], dtype=np.float32)


@pytest.mark.parametrize("columns", [["targets"], ["inputs", "inputs"]])
def test_columns_without_inputs_or_twice_are_refused(columns: list[str]) -> None:
    aim = target(Path("d"), {"train": [[[1]]]})
    with pytest.raises(ConfigError, match="must name `inputs`, and no column twice"):
        FORMATS.get("packed_jsonl")(columns=columns).verify(aim)
