"""Tokens added around documents in one flat array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.tokenization import framed

MAYBE = st.none() | st.integers(0, 60_000)


@given(
    documents=st.lists(st.lists(st.integers(0, 60_000), max_size=8), max_size=12),
    before=MAYBE,
    after=MAYBE,
    dtype=st.sampled_from([np.uint16, np.int32]),
)
def test_every_document_has_the_tokens_around_it(
    documents: list[list[int]], before: int | None, after: int | None, dtype: type
) -> None:
    ids = np.array([token for document in documents for token in document], np.uint32)
    lengths = np.array([len(document) for document in documents], np.int64)
    flat, new_lengths = framed(ids, lengths, np.dtype(dtype), before=before, after=after)
    head = [] if before is None else [before]
    tail = [] if after is None else [after]
    expected = [head + document + tail for document in documents]
    assert flat.tolist() == [token for document in expected for token in document]
    assert new_lengths.tolist() == [len(document) for document in expected]
    assert (flat.dtype, new_lengths.dtype) == (np.dtype(dtype), np.int32)


@pytest.mark.parametrize("after", [None, 7])
def test_the_input_is_not_modified(after: int | None) -> None:
    ids = np.arange(5, dtype=np.uint32)
    framed(ids, np.array([2, 3]), np.dtype(np.uint16), after=after)
    assert ids.tolist() == [0, 1, 2, 3, 4]
