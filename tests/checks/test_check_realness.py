"""Real text passes every threshold, and each kind of noise fails at least one."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from helpers.token_datasets import Ids, encode
from penstock.checks._codes import CODES
from penstock.checks._tokens.realness import MINIMUM_TOKENS, check_range, check_realness
from penstock.checks._tokens.statistics import SAMPLE_TOKENS, Sample, measure, spread
from penstock.checks._tokens.tokenizer import Vocabulary, open_tokenizer, reencode
from penstock.findings import Collector, Severity

TOKENIZERS = ("gpt2", "qwen2_5")
TEXTS = ("books", "peps", "multilingual")
SIZES = (MINIMUM_TOKENS, 10_000, 150_000)


@pytest.fixture(scope="module")
def tokens(shared_data: Path) -> dict[tuple[str, str], list[Ids]]:
    """The ids of the first documents of each text with each tokenizer."""
    found = {}
    for name in TEXTS:
        with gzip.open(shared_data / "text" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for line in islice(lines, 200)]
        for tokenizer in TOKENIZERS:
            found[tokenizer, name] = encode(shared_data / "tokenizers" / tokenizer, texts)
    return found


@pytest.fixture(scope="module")
def vocabularies(shared_data: Path) -> dict[str, Vocabulary]:
    loaded = {name: open_tokenizer(shared_data / "tokenizers" / name) for name in TOKENIZERS}
    return {name: Vocabulary(t.vocab_size, t) for name, t in loaded.items()}


def first(documents: list[Ids], count: int) -> list[Ids]:
    """Return documents up to so many tokens, the last one cut."""
    ends = np.cumsum([len(ids) for ids in documents])
    return np.split(np.concatenate(documents)[:count], ends[ends < count])


def in_documents(ids: Ids) -> list[Ids]:
    """Cut one stream of ids into documents of 700."""
    return np.split(ids, range(700, len(ids), 700))


def streams(real: list[Ids], other: list[Ids], vocab_size: int) -> dict[str, list[Ids]]:
    """Return streams that are not text, each as long as the text."""
    generator = np.random.default_rng(1)
    ids = np.concatenate(real)
    return {
        "uniform": in_documents(generator.integers(0, vocab_size, len(ids))),
        "shuffled": in_documents(generator.permutation(ids)),
        "other": [part % vocab_size for part in other],
        "halved": in_documents(ids.astype("<i4").view("<u2")[: len(ids)].astype(np.int64)),
        "repeated": in_documents(np.resize(ids[:25], len(ids))),
        "counting": in_documents(np.arange(len(ids)) % vocab_size),
    }


def errors_of(windows: list[Ids], vocabulary: Vocabulary) -> set[str]:
    collector = Collector()
    check_realness(Sample.of(windows), vocabulary, collector, file=Path("notes.bin"))
    return {f.code for f in collector.findings() if f.severity is Severity.ERROR}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_real_text_of_any_size_passes_every_threshold(
    tokens: dict[tuple[str, str], list[Ids]],
    vocabularies: dict[str, Vocabulary],
    tokenizer: str,
    text: str,
    size: int,
) -> None:
    documents = tokens[tokenizer, text]
    assert errors_of(first(documents, size), vocabularies[tokenizer]) == set()
    short = [ids[:30] for ids in documents][: size // 30]
    assert errors_of(short, vocabularies[tokenizer]) == set()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("uniform", {"types-uniform", "order-random", "text-not-reencoded"}),
        ("shuffled", {"order-random", "text-not-reencoded"}),
        ("other", {"text-not-reencoded"}),
        ("halved", {"ids-halved", "text-not-reencoded"}),
        ("repeated", {"text-repeated"}),
        ("counting", {"types-uniform", "text-not-reencoded"}),
    ],
)
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_each_kind_of_noise_has_its_findings(
    tokens: dict[tuple[str, str], list[Ids]],
    vocabularies: dict[str, Vocabulary],
    tokenizer: str,
    stream: str,
    expected: set[str],
    size: int,
) -> None:
    (another,) = set(TOKENIZERS) - {tokenizer}
    for text in TEXTS:
        real, other = (first(tokens[name, text], size) for name in (tokenizer, another))
        vocabulary = vocabularies[tokenizer]
        assert vocabulary.size is not None
        windows = streams(real, other, vocabulary.size)[stream]
        assert expected <= errors_of(windows, vocabulary), (stream, text)


def test_noise_is_found_without_a_tokenizer(
    tokens: dict[tuple[str, str], list[Ids]],
) -> None:
    real = first(tokens["gpt2", "books"], 50_000)
    noise = streams(real, real, 50257)
    assert errors_of(real, Vocabulary()) == set()
    for name in ("uniform", "shuffled", "halved", "repeated", "counting"):
        assert errors_of(noise[name], Vocabulary()), name


def test_the_statistics_of_text_are_within_the_thresholds(
    tokens: dict[tuple[str, str], list[Ids]], vocabularies: dict[str, Vocabulary]
) -> None:
    for (tokenizer, _), documents in tokens.items():
        vocabulary = vocabularies[tokenizer]
        assert vocabulary.size is not None and vocabulary.codec is not None
        sample = Sample.of(first(documents, 100_000))
        found = measure(sample, vocabulary.size)
        assert found.types_ratio < 0.6
        assert found.bigram_z < -40
        assert 0.35 < found.bigram_ratio < 0.9
        assert found.top_share < 0.5
        assert found.mutual_information > 2
        again = reencode(sample, vocabulary.codec, ())
        assert again.windows > 100
        assert again.share >= 0.99


def test_padding_that_is_most_of_the_data_is_found(
    tokens: dict[tuple[str, str], list[Ids]], vocabularies: dict[str, Vocabulary]
) -> None:
    padded = [np.append(ids, np.full(len(ids), 50256)) for ids in tokens["gpt2", "books"][:20]]
    assert errors_of(padded, vocabularies["gpt2"]) == {"token-dominant"}


def test_spaces_may_be_most_of_a_text_with_many_tables(
    tokens: dict[tuple[str, str], list[Ids]], vocabularies: dict[str, Vocabulary]
) -> None:
    space, letter = 220, 64
    for filler, expected in ((space, set()), (letter, {"token-dominant"})):
        filled = [
            np.insert(ids[:400], np.repeat(np.arange(0, 400, 10), 11), filler)
            for ids in tokens["gpt2", "books"][:50]
            if len(ids) >= 400
        ]
        assert expected <= errors_of(filled, vocabularies["gpt2"])
        assert ("token-dominant" in errors_of(filled, vocabularies["gpt2"])) == bool(expected)


def test_special_tokens_between_documents_do_not_prevent_re_encoding(
    tokens: dict[tuple[str, str], list[Ids]], vocabularies: dict[str, Vocabulary]
) -> None:
    stream = np.concatenate([np.append(ids[:90], 50256) for ids in tokens["gpt2", "books"]])
    codec = vocabularies["gpt2"].codec
    assert codec is not None
    found = reencode(Sample.of(in_documents(stream)), codec, {50256})
    assert found.windows > 20
    assert found.share == 1


def test_too_few_tokens_are_an_info_and_no_threshold_is_applied() -> None:
    collector = Collector()
    noise = np.random.default_rng(0).integers(0, 50_000, MINIMUM_TOKENS - 1)
    check_realness(Sample.of([noise]), Vocabulary(50_000), collector, file=Path("notes.bin"))
    assert {f.code for f in collector.findings()} == {"tokens-few", "token-statistics"}
    collector = Collector()
    check_realness(Sample.of([]), Vocabulary(50_000), collector, file=Path("notes.bin"))
    assert [f.code for f in collector.findings()] == ["tokens-few"]


@pytest.mark.parametrize("vocab_size", [100, 256, 1000])
def test_noise_over_a_small_vocabulary_is_found_and_bytes_of_text_are_not(
    vocab_size: int, shared_data: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, vocab_size, 50_000)
    assert {"types-uniform", "order-random"} <= errors_of([noise], Vocabulary(vocab_size))
    with gzip.open(shared_data / "text" / "books.jsonl.gz", "rt", encoding="utf-8") as lines:
        text = "".join(json.loads(line)["text"] for line in islice(lines, 30))
    letters = np.frombuffer(text.encode()[:50_000], np.uint8)
    assert errors_of([letters], Vocabulary(256)) == set()


def test_ids_out_of_range_are_counted_with_the_first() -> None:
    collector = Collector()
    ids = np.array([3, 99, 100, 7, 2**40])
    check_range(ids, Vocabulary(100), collector, file=Path("notes.bin"), line=4)
    (finding,) = collector.findings()
    assert (finding.code, finding.count, finding.line) == ("ids-out-of-range", 2, 4)
    assert "the id 100 is not in the vocabulary; valid ids are from 0 to 99" in finding.message
    collector = Collector()
    check_range(np.array([1, -5]), Vocabulary(), collector, file=Path("notes.bin"))
    assert "the id -5" in collector.findings()[0].message


def test_random_tokens_that_a_recipe_requested_are_no_error() -> None:
    noise = np.random.default_rng(0).integers(0, 50_000, 10_000)
    assert errors_of([noise], Vocabulary(50_000, synthetic=True)) == set()


def test_the_same_sample_gives_the_same_statistics() -> None:
    noise = np.random.default_rng(0).integers(0, 900, 10_000)
    sample = Sample.of([noise])
    assert measure(sample, 1000) == measure(sample, 1000)


def test_a_sample_is_spread_evenly_and_keeps_both_ends() -> None:
    assert spread(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert spread(101, 3).tolist() == [0, 50, 100]
    assert len(np.unique(spread(10**12, SAMPLE_TOKENS // 1024))) == SAMPLE_TOKENS // 1024


def test_findings_contain_no_text(
    tokens: dict[tuple[str, str], list[Ids]], vocabularies: dict[str, Vocabulary]
) -> None:
    collector = Collector()
    real = first(tokens["gpt2", "books"], 20_000)
    for windows in (real, *streams(real, real, 50257).values()):
        check_realness(Sample.of(windows), vocabularies["gpt2"], collector, file=Path("n.bin"))
    codec = vocabularies["gpt2"].codec
    assert codec is not None
    words = {word for word in codec.decode(real[0].tolist()).split() if len(word) > 9}
    messages = " ".join(f"{f.message} {f.fix}" for f in collector.findings())
    assert words and not {word for word in words if word in messages}
    assert {finding.code for finding in collector.findings()} <= CODES.keys()


@pytest.mark.parametrize("name", TEXTS)
def test_halved_ids_are_found_in_windows_that_begin_anywhere(
    tokens: dict[tuple[str, str], list[Ids]], name: str
) -> None:
    ids = np.concatenate(tokens["gpt2", name])
    halves = ids.astype("<i4").view("<u2").astype(np.int64)
    starts = np.random.default_rng(0).integers(0, len(halves) - 600, 60)
    found = measure(Sample.of([halves[start : start + 599] for start in starts]), 50_257)
    real = measure(Sample.of([ids[start // 2 : start // 2 + 300] for start in starts]), 50_257)
    assert found.alternate_types < 0.1 < real.alternate_types
