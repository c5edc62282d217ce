"""The step `split`: long documents cut, nothing lost, what is repeated counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import documents, stats
from penstock.batches import TokenBatch
from penstock.steps import STEPS
from penstock.tokenization import load_tokenizer

DOCUMENTS = st.lists(st.lists(st.integers(0, 9), max_size=60), min_size=1, max_size=6)
CUTS = st.integers(1, 12).flatmap(lambda c: st.tuples(st.just(c), st.integers(0, c - 1)))


def split(batch: TokenBatch, **options: Any) -> tuple[TokenBatch, dict[str, int]]:
    """Split a batch; return the result, and what was noted."""
    step = STEPS.get("split").model_validate(options)
    step.prepare()
    counted = stats()
    made = step.apply(batch, counted)
    assert isinstance(made, TokenBatch)
    return made, counted.current.noted


def sequences(batch: TokenBatch) -> list[list[list[int]]]:
    """Return the ids of each sequence of each document."""
    ids, lengths = iter(batch.ids.tolist()), iter(batch.lengths.tolist())
    return [
        [[next(ids) for _ in range(next(lengths))] for _ in range(sequences)]
        for sequences in batch.sequences.tolist()
    ]


@given(DOCUMENTS, CUTS, st.sampled_from(["hard", "boundary"]))
def test_sequences_without_their_overlap_give_back_the_document(
    given_: list[list[int]], cut: tuple[int, int], at: str
) -> None:
    context, overlap = cut
    boundaries = {"boundaries": [3, 7]} if at == "boundary" else {}
    made, counts = split(documents(given_), context=context, overlap=overlap, at=at, **boundaries)
    assert made.ids.dtype == np.uint16
    repeated = 0
    for document, (first, *others) in zip(given_, sequences(made), strict=True):
        whole = list(first)
        for input_split in others:
            assert input_split[:overlap] == whole[len(whole) - overlap :]
            assert len(input_split) > overlap
            whole += input_split[overlap:]
            repeated += overlap
        assert whole == document
        assert all(len(input_split) <= context for input_split in (first, *others))
    assert counts.get("overlap_tokens", 0) == repeated
    assert counts.get("cuts", 0) == len(made.lengths) - len(given_)
    assert counts.get("documents_cut", 0) == sum(len(d) > context for d in given_)


@given(DOCUMENTS, CUTS)
def test_a_cut_comes_after_the_last_boundary_that_fits(
    given_: list[list[int]], cut: tuple[int, int]
) -> None:
    context, overlap = cut
    made, _ = split(
        documents(given_), context=context, overlap=overlap, at="boundary", boundaries=[3, 7]
    )
    for document in sequences(made):
        for input_split in document[:-1]:
            if len(input_split) < context:
                assert input_split[-1] in (3, 7)
            elif input_split[-1] not in (3, 7):
                assert not {3, 7} & set(input_split[overlap:])


def test_hard_cuts_fill_every_sequence_but_the_last() -> None:
    made, counts = split(documents([[*range(10)], [1, 2], []]), context=4)
    assert sequences(made) == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]], [[1, 2]], [[]]]
    assert counts == {"documents_cut": 1, "cuts": 2}


def test_documents_of_several_sequences_and_of_none_keep_their_place() -> None:
    batch = TokenBatch(
        np.arange(9, dtype=np.uint16), np.array([5, 1, 3], np.int32), np.array([2, 0, 1], np.int32),
        [4, 5, 6], {"split": np.array([0, 1, 2], np.uint8)},
    )  # fmt: skip
    made, _ = split(batch, context=2)
    assert sequences(made) == [[[0, 1], [2, 3], [4], [5]], [], [[6, 7], [8]]]
    assert made.numbers == [4, 5, 6]
    assert made.columns["split"].tolist() == [0, 1, 2]


def test_what_fits_is_passed_on_untouched() -> None:
    batch = documents([[1, 2], [3]])
    assert split(batch, context=2, overlap=1)[0] is batch


@pytest.mark.parametrize("name", ["gpt2", "qwen2_5"])
def test_lines_and_sentences_are_found_by_the_tokenizer(shared_data: Path, name: str) -> None:
    path = shared_data / "tokenizers" / name
    tokenizer = load_tokenizer(path)
    text = "It grew 3.5 inches. Nobody knew why.\nNothing more was heard of it that whole year"
    whole = documents([tokenizer.encode([text])[0].tolist()], np.int32)

    def cut(context: int, boundary: str) -> list[str]:
        made, _ = split(
            whole, context=context, at="boundary", boundaries=[boundary], tokenizer=path
        )
        return [tokenizer.decode(input_split) for input_split in sequences(made)[0]]

    lines = text.splitlines(keepends=True)
    assert cut(len(whole.ids) - 1, "newline") == lines
    assert cut(10, "sentence") == ["It grew 3.5 inches.", " Nobody knew why.\n", lines[1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 4, "overlap": 4}, "`overlap` must be less than `context` (4)"),
        ({"context": 4, "boundaries": [1]}, "need `at: boundary`"),
        ({"context": 4, "at": "boundary"}, "`at: boundary` needs `boundaries`"),
        ({"context": 4, "at": "boundary", "boundaries": ["newline"]}, "need `tokenizer`"),
        (
            {"context": 4, "at": "boundary", "boundaries": [1], "tokenizer": "x"},
            "`tokenizer` is only used with `newline` and",
        ),
        ({"context": 0}, "greater than 0"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        STEPS.get("split").model_validate(options)
    assert message in str(refused.value)
