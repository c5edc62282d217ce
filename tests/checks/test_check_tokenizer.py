"""The tokenizer of the ids: recorded in the manifest, given by the user, moved or changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.check_datasets import found
from helpers.token_datasets import (
    Ids,
    encode,
    errors,
    prose,
    train_tokenizer,
    write_manifest,
    write_megatron,
)
from penstock import check
from penstock.errors import ConfigError


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    return train_tokenizer(tmp_path / "tokenizer", prose())


@pytest.fixture
def another(tmp_path: Path) -> Path:
    """A tokenizer of the same size, trained on other text."""
    backwards = [text[::-1] for text in prose()]
    return train_tokenizer(tmp_path / "another", backwards)


@pytest.fixture
def documents(tokenizer: Path) -> list[Ids]:
    return encode(tokenizer, prose())


@pytest.fixture
def pair(tmp_path: Path, documents: list[Ids], tokenizer: Path) -> Path:
    prefix = write_megatron(tmp_path / "data" / "notes_text_document", documents)
    write_manifest(prefix, format="megatron", tokenizer=tokenizer)
    return prefix


def test_the_tokenizer_of_the_manifest_is_used(pair: Path) -> None:
    report = check(pair)
    assert report.ok
    assert found(report).keys() == {"dtype-deepspeed", "token-statistics"}


def test_a_missing_tokenizer_is_a_warning_and_its_new_location_can_be_given(
    pair: Path, tokenizer: Path, tmp_path: Path
) -> None:
    tokenizer.rename(tmp_path / "moved")
    report = check(pair)
    assert report.ok
    assert "--tokenizer" in found(report)["tokenizer-missing"][0].fix
    assert "tokenizer-missing" not in found(check(pair, tokenizer=tmp_path / "moved"))


def test_a_changed_tokenizer_is_an_error(pair: Path, tokenizer: Path) -> None:
    assert check(pair).ok
    path = tokenizer / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    assert errors(check(pair)) == {"tokenizer-mismatch"}
    path.write_text("{")
    assert errors(check(pair)) == {"tokenizer-mismatch"}


def test_ids_of_another_tokenizer_are_found_though_all_are_in_range(
    pair: Path, another: Path
) -> None:
    assert errors(check(pair, tokenizer=another)) == {"tokenizer-mismatch", "text-not-reencoded"}


def test_without_a_manifest_the_ids_are_compared_with_the_given_tokenizer(
    tmp_path: Path, documents: list[Ids], tokenizer: Path, another: Path
) -> None:
    prefix = write_megatron(tmp_path / "bare_text_document", documents)
    assert "tokenizer-unknown" in found(check(prefix))
    assert check(prefix, tokenizer=tokenizer).ok
    assert check(prefix, tokenizer=tokenizer / "tokenizer.json").ok
    assert errors(check(prefix, tokenizer=another)) == {"text-not-reencoded"}


def test_a_path_without_a_tokenizer_is_an_error(pair: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such path"):
        check(pair, tokenizer=tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        check(pair, tokenizer=tmp_path)


def test_random_tokens_that_a_recipe_requested_have_their_own_finding(
    tmp_path: Path, documents: list[Ids]
) -> None:
    import numpy as np

    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 2000, len(ids)) for ids in documents]
    prefix = write_megatron(tmp_path / "noise_text_document", noise)
    assert not check(prefix).ok
    write_manifest(prefix, format="megatron", synthetic=True)
    report = check(prefix)
    assert report.ok
    assert "random" in found(report)["tokens-synthetic"][0].message


def test_the_content_of_large_files_is_compared_with_full(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.checks._files.READ_BYTES", 7000)
    data = pair.with_name(f"{pair.name}.bin")
    content = bytearray(data.read_bytes())
    content[-1] ^= 1
    data.write_bytes(content)
    report = check(pair)
    assert "manifest-mismatch" not in errors(report)
    message = found(report)["hashes-sampled"][0].message
    assert message == "1 of 2 files compared by content, the smallest first"
    assert "manifest-mismatch" in errors(check(pair, full=True))


def test_a_manifest_that_cannot_be_read_is_an_error(pair: Path) -> None:
    pair.with_name(f"{pair.name}.penstock.json").write_text("{}")
    assert "manifest-unreadable" in errors(check(pair))
    assert "manifest-unreadable" in errors(check(pair.parent))
