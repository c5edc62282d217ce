"""fastokens and tokenizers give the same ids and text, and differences are detected."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from helpers.small_tokenizers import END, small_tokenizer
from penstock.tokenization import Encoding, Tokenizer, load_tokenizer
from penstock.tokenization._selection import (
    chunks_of,
    ids_difference,
    text_difference,
    vocabulary_difference,
)

ODD = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(" \n\r\t'’aAeé\u0301\u200d\ufe0f0123👩\x00日"),
    ),
    max_size=60,
) | st.lists(st.sampled_from([END, "<|endoftext|>", "'s", "\r\n", "  ", "12345", "x"])).map("".join)


@lru_cache
def pair(directory: Path, encoding: Encoding) -> tuple[Tokenizer, Tokenizer]:
    return (
        load_tokenizer(directory, "fastokens", encoding=encoding),
        load_tokenizer(directory, "tokenizers", encoding=encoding),
    )


@pytest.mark.parametrize("encoding", [Encoding(), Encoding(False, False)])
@pytest.mark.parametrize("name", ["gpt2", "qwen2_5"])
def test_generated_texts_have_the_same_ids_and_decode_the_same(
    shared_data: Path, name: str, encoding: Encoding
) -> None:
    fast, reference = pair(shared_data / "tokenizers" / name, encoding)

    @given(st.lists(ODD, max_size=5))
    def agree(texts: list[str]) -> None:
        (ids, offsets), (right, right_offsets) = fast.encode(texts), reference.encode(texts)
        assert (ids.dtype, offsets.dtype) == (right.dtype, right_offsets.dtype)
        assert ids.tolist() == right.tolist()
        assert offsets.tolist() == right_offsets.tolist()
        assert fast.decode(ids) == reference.decode(ids)

    agree()


def test_real_text_in_nine_languages_has_the_same_ids(shared_data: Path) -> None:
    with gzip.open(shared_data / "text/multilingual.jsonl.gz") as stream:
        texts = [json.loads(line)["text"] for line in islice(stream, 100)]
    fast, reference = pair(shared_data / "tokenizers/gpt2", Encoding())
    assert ids_difference([fast.encode(texts)], [reference.encode(texts)]) is None


def test_different_ids_are_reported_with_the_number_of_the_text(tmp_path: Path) -> None:
    plain = load_tokenizer(small_tokenizer(tmp_path / "plain"))
    lower = load_tokenizer(small_tokenizer(tmp_path / "lower", normalizer=normalizers.Lowercase()))
    chunks = [["fox"], ["dog", "the"], ["quick", "Brown"]]
    encoded = [[one.encode(chunk) for chunk in chunks] for one in (plain, lower)]
    assert ids_difference(*encoded) == "other ids for text 5"
    assert ids_difference(encoded[0], encoded[0]) is None


def test_equal_vocabularies_and_texts_are_not_differences(tmp_path: Path) -> None:
    plain = load_tokenizer(small_tokenizer(tmp_path / "plain")).engine
    begin = load_tokenizer(small_tokenizer(tmp_path / "begin", begin=True)).engine
    assert vocabulary_difference(plain, begin) is None
    assert text_difference(plain, begin, ["fox", ""]) is None


def test_chunks_hold_every_text_once_and_in_order() -> None:
    texts = [letter * size for letter in "abc" for size in (0, 10, 30_000, 60_000)]
    assert [text for chunk in chunks_of(texts) for text in chunk] == texts
    assert len(list(chunks_of(texts))) > 1
    assert list(chunks_of([])) == []


@pytest.mark.parametrize("engine", ["fastokens", "tokenizers"])
def test_no_text_has_no_ids_and_a_lone_surrogate_is_an_error(tmp_path: Path, engine: str) -> None:
    tokenizer = load_tokenizer(small_tokenizer(tmp_path / "small"), engine)  # type: ignore[arg-type]
    ids, offsets = tokenizer.encode([])
    assert (ids.dtype, ids.tolist(), offsets.tolist()) == (np.uint32, [], [0])
    with pytest.raises(UnicodeEncodeError):
        tokenizer.encode(["fine", "not \ud800 fine"])
