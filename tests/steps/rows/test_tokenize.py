"""The step tokenize: rows in, the tokens of documents out."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tokenizers import Tokenizer, normalizers

from helpers.small_tokenizers import BEGIN, BEGIN_ID, END, END_ID, PAD_ID, small_tokenizer
from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import ConfigError, DataError
from penstock.steps.rows.tokenize import Tokenize

TEXTS = ["The quick brown fox", "", "jumps over", f"the {END} lazy dog", " "]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_tokenizer(tmp_path_factory.mktemp("tokenizers") / "small")


@pytest.fixture(scope="module")
def with_begin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_tokenizer(tmp_path_factory.mktemp("tokenizers") / "begin", begin=True)


def rows(texts: list[Any]) -> RowBatch:
    return RowBatch(
        [{"text": text} for text in texts],
        range(100, 100 + len(texts)),
        {"split": np.arange(len(texts), dtype=np.uint8)},
    )


def stats(skip: bool = False) -> RowStats:
    return RowStats(lambda number: ("notes.jsonl", number + 1), skip=skip)


def documents(batch: TokenBatch) -> list[list[int]]:
    """Return the ids of each document; one without a sequence is an empty list."""
    assert len(batch.ids) == batch.lengths.sum()
    assert batch.sequences.sum() == len(batch.lengths)
    sequences = iter(np.split(batch.ids, np.cumsum(batch.lengths)[:-1]))
    return [next(sequences).tolist() if held else [] for held in batch.sequences]


def as_megatron(path: Path, texts: list[str], eod: int | None) -> list[list[int]]:
    """Return what the encoder of Megatron-LM's preprocess_data.py makes of some texts.

    It takes all that the tokenizer gives, and puts EOD after a document that has any ids.
    """
    native = Tokenizer.from_file(str(path / "tokenizer.json"))
    found = [native.encode(text).ids for text in texts]
    return [[*ids, eod] if ids and eod is not None else ids for ids in found]


@pytest.mark.parametrize("engine", ["auto", "tokenizers"])
@pytest.mark.parametrize("append_eod", [False, True])
def test_by_default_documents_are_those_of_megatron(
    small: Path, with_begin: Path, append_eod: bool, engine: str
) -> None:
    for path in (small, with_begin):
        step = Tokenize(tokenizer=path, append_eod=append_eod, engine=engine)  # type: ignore[arg-type]
        found = step.apply(rows(TEXTS), stats())
        assert documents(found) == as_megatron(path, TEXTS, END_ID if append_eod else None)
        assert found.ids.dtype == np.uint16
        assert (found.lengths.dtype, found.sequences.dtype) == (np.int32, np.int32)
        assert list(found.numbers) == list(range(100, 105))
        assert found.columns["split"].tolist() == [0, 1, 2, 3, 4]


def test_real_text_is_tokenized_as_megatron_does(shared_data: Path) -> None:
    path = shared_data / "tokenizers/qwen2_5"
    texts = ["Grüße, 世界! 👩‍👩‍👧‍👦", "", "x" * 10_000, "line\r\n\r\n  end<|endoftext|>"]
    found = Tokenize(tokenizer=path, append_eod=True).apply(rows(texts), stats())
    assert documents(found) == as_megatron(path, texts, 151645)
    assert found.ids.dtype == np.int32


def test_what_was_done_is_counted(small: Path) -> None:
    counted = stats()
    found = Tokenize(tokenizer=small, append_eod=True).apply(rows(TEXTS), counted)
    assert counted.current.noted == {
        "tokens": len(found.ids),
        "empty": 1,
        "specials_in_text": 1,
    }


def test_special_tokens_of_the_tokenizer_itself_are_not_counted(with_begin: Path) -> None:
    counted = stats()
    Tokenize(tokenizer=with_begin).apply(rows(["a", f"{BEGIN}b", "c"]), counted)
    assert counted.current.noted["specials_in_text"] == 1


def test_special_tokens_in_the_text_may_be_letters(small: Path) -> None:
    counted = stats()
    step = Tokenize(tokenizer=small, specials="as_text")
    found = step.apply(rows([f"a{END}b"]), counted)
    assert END_ID not in found.ids
    assert step.loaded.decode(found.ids) == f"a{END}b"
    assert "specials_in_text" not in counted.current.noted


def test_bos_is_what_the_tokenizer_adds_or_always_or_never(small: Path, with_begin: Path) -> None:
    def begins(path: Path, bos: Any) -> list[list[int]]:
        return documents(Tokenize(tokenizer=path, bos=bos).apply(rows(["fox", "dog"]), stats()))

    plain = begins(small, "tokenizer")
    begun = [[BEGIN_ID, *ids] for ids in plain]
    assert begins(small, "never") == plain
    assert begins(small, "always") == begun
    assert begins(with_begin, "tokenizer") == begun
    assert begins(with_begin, "never") == plain
    assert begins(with_begin, "always") == begun


def test_with_bos_no_document_is_empty(small: Path, with_begin: Path) -> None:
    always = Tokenize(tokenizer=small, bos="always", append_eod=True, empty="error")
    assert documents(always.apply(rows([""]), stats())) == [[BEGIN_ID, END_ID]]
    own = Tokenize(tokenizer=with_begin, append_eod=True, empty="error")
    assert documents(own.apply(rows([""]), stats())) == [[BEGIN_ID, END_ID]]


def test_empty_documents_may_be_dropped(small: Path) -> None:
    counted = stats()
    step = Tokenize(tokenizer=small, append_eod=True, empty="drop")
    found = step.apply(rows(TEXTS), counted)
    assert documents(found) == [ids for ids in as_megatron(small, TEXTS, END_ID) if ids]
    assert list(found.numbers) == [100, 102, 103, 104]
    assert found.columns["split"].tolist() == [0, 2, 3, 4]
    assert counted.current.dropped == {"empty": 1}


def test_empty_documents_may_be_bad_rows(small: Path) -> None:
    step = Tokenize(tokenizer=small, empty="error")
    with pytest.raises(DataError, match=r"notes\.jsonl:102: text: has no tokens"):
        step.apply(rows(TEXTS), stats())
    skipping = stats(skip=True)
    assert list(step.apply(rows(TEXTS), skipping).numbers) == [100, 102, 103, 104]
    assert skipping.unusable == 1


def test_the_token_after_a_document_may_be_another(small: Path) -> None:
    for eod in ("<|pad|>", PAD_ID):
        step = Tokenize(tokenizer=small, append_eod=True, eod=eod)
        assert step.apply(rows(["fox"]), stats()).ids[-1] == PAD_ID
        assert step.tokenizer_identity()["eod_id"] == PAD_ID


def test_a_row_without_text_is_bad(small: Path) -> None:
    batch = rows(["fox", None, 3, "dog"])
    del batch.rows[1]["text"]
    step = Tokenize(tokenizer=small)
    with pytest.raises(DataError, match=r"notes\.jsonl:102: text: is missing"):
        step.apply(batch, stats())
    skipping = stats(skip=True)
    found = step.apply(batch, skipping)
    assert list(found.numbers) == [100, 103]
    assert found.columns["split"].tolist() == [0, 3]
    assert [reason for *_, reason in skipping.errors] == ["text: is missing", "text: is not text"]


@pytest.mark.parametrize("engine", ["fastokens", "tokenizers"])
def test_a_lone_surrogate_is_a_bad_row_and_never_shown(small: Path, engine: str) -> None:
    step = Tokenize(tokenizer=small, engine=engine, append_eod=True)  # type: ignore[arg-type]
    batch = rows(["fox", "secret \ud83d", "", "dog"])
    with pytest.raises(DataError, match=r"notes\.jsonl:102: text: has a lone surrogate") as error:
        step.apply(batch, stats())
    assert "secret" not in str(error.value)
    found = step.apply(batch, stats(skip=True))
    assert documents(found) == as_megatron(small, ["fox", "", "dog"], END_ID)
    assert found.columns["split"].tolist() == [0, 2, 3]


def test_nothing_and_a_large_text_are_batches_too(small: Path) -> None:
    step = Tokenize(tokenizer=small, append_eod=True)
    nothing = step.apply(rows([]), stats())
    assert (len(nothing), len(nothing.ids), len(nothing.lengths)) == (0, 0, 0)
    assert len(step.apply(rows([None]), stats(skip=True))) == 0
    text = "The quick brown fox\n" * 200_000
    large = step.apply(rows([text, "dog"]), stats())
    assert large.lengths[0] > 500_000
    assert step.loaded.decode(large.ids[: large.lengths[0] - 1]) == text


def test_the_engines_are_compared_on_the_previewed_texts(small: Path) -> None:
    step = Tokenize(tokenizer=small)
    step.preview(["fox " * 100_000])
    step.prepare()
    assert "on 42" in step.tokenizer_identity()["engine_reason"]


def test_the_identity_says_what_carried_on_and_why(tmp_path: Path) -> None:
    step = Tokenize(tokenizer=small_tokenizer(tmp_path / "nfkc", normalizer=normalizers.NFKC()))
    identity = step.tokenizer_identity()
    assert identity["engine"] == "tokenizers"
    assert "fastokens cannot load it" in identity["engine_reason"]


def test_a_step_may_be_sent_to_another_process_before_or_after_it_is_prepared(small: Path) -> None:
    step = Tokenize(tokenizer=small, append_eod=True)
    fresh = pickle.loads(pickle.dumps(step))
    expected = documents(step.apply(rows(TEXTS), stats()))
    prepared = pickle.loads(pickle.dumps(step))
    for sent in (fresh, prepared):
        assert documents(sent.apply(rows(TEXTS), stats())) == expected


def test_a_token_that_an_option_needs_and_nothing_names_is_refused(tmp_path: Path) -> None:
    path = small_tokenizer(tmp_path / "unnamed", config={})
    with pytest.raises(ConfigError, match=r"^eod: .*names that token; set eod:"):
        Tokenize(tokenizer=path, append_eod=True).prepare()
    with pytest.raises(ConfigError, match=r"^bos: .*names that token"):
        Tokenize(tokenizer=path, bos="always").prepare()
    with pytest.raises(ConfigError, match=r"^eod: .* has no token '<none>'"):
        Tokenize(tokenizer=path, append_eod=True, eod="<none>").prepare()


def test_an_end_of_document_that_is_not_appended_is_refused(small: Path) -> None:
    with pytest.raises(ValidationError, match="append_eod: true"):
        Tokenize(tokenizer=small, eod=END)


def test_ids_that_do_not_fit_are_refused_and_not_cut_off(tmp_path: Path) -> None:
    path = small_tokenizer(tmp_path / "gaps")
    text = (path / "tokenizer.json").read_text().replace('"fox":', '"fix":')
    native = Tokenizer.from_str(text)
    high = native.get_vocab()["Ġfox"]
    (path / "tokenizer.json").write_text(text.replace(f'"Ġfox": {high}', '"Ġfox": 70000'))
    step = Tokenize(tokenizer=path, engine="tokenizers")
    with pytest.raises(ConfigError, match="the id 70000 does not fit into uint16"):
        step.apply(rows(["a fox"]), stats())
