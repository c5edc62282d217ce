"""Loading a tokenizer: its identity, its engine and the reason for the engine."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, normalizers

from helpers.small_tokenizers import BEGIN_ID, END, END_ID, PAD_ID, small_tokenizer
from penstock.errors import ConfigError
from penstock.tokenization import Encoding, load_tokenizer, storage_dtype


def test_the_identity_has_the_file_and_the_special_tokens(tmp_path: Path) -> None:
    directory = small_tokenizer(tmp_path / "small")
    identity = load_tokenizer(directory).identity
    content = (directory / "tokenizer.json").read_bytes()
    assert identity.path == str(directory.resolve() / "tokenizer.json")
    assert identity.sha256 == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert (identity.eod_id, identity.bos_id, identity.pad_id) == (END_ID, BEGIN_ID, PAD_ID)
    assert identity.to_dict()["engine"] == "fastokens"
    assert identity.engine_reason.startswith("same ids as tokenizers on ")


def test_the_vocabulary_size_includes_added_tokens(tmp_path: Path) -> None:
    plain = load_tokenizer(small_tokenizer(tmp_path / "plain"))
    more = load_tokenizer(small_tokenizer(tmp_path / "more", added=(AddedToken("<x>"),)))
    assert more.vocab_size == plain.vocab_size + 1


def test_real_tokenizers_use_fastokens(shared_data: Path) -> None:
    gpt2 = load_tokenizer(shared_data / "tokenizers/gpt2").identity
    assert (gpt2.engine, gpt2.vocab_size, gpt2.eod_id, gpt2.pad_id) == (
        "fastokens",
        50257,
        50256,
        None,
    )
    qwen = load_tokenizer(shared_data / "tokenizers/qwen2_5").identity
    assert (qwen.engine, qwen.vocab_size, qwen.eod_id, qwen.pad_id) == (
        "fastokens",
        151665,
        151645,
        151643,
    )


def test_a_file_is_loaded_with_the_special_tokens_beside_it(tmp_path: Path) -> None:
    directory = small_tokenizer(tmp_path / "small")
    assert (
        load_tokenizer(directory / "tokenizer.json").identity == load_tokenizer(directory).identity
    )


def test_special_tokens_without_a_name_are_unknown(tmp_path: Path) -> None:
    directory = small_tokenizer(tmp_path / "small")
    (directory / "tokenizer_config.json").unlink()
    identity = load_tokenizer(directory).identity
    assert (identity.eod_id, identity.bos_id, identity.pad_id) == (None, None, None)


def test_special_tokens_are_named_in_either_file_and_form(tmp_path: Path) -> None:
    config = {"sep_token": {"content": END, "special": True}}
    directory = small_tokenizer(tmp_path / "small", config=config)
    (directory / "special_tokens_map.json").write_text('{"cls_token": "<|begin|>"}')
    identity = load_tokenizer(directory).identity
    assert (identity.eod_id, identity.bos_id) == (END_ID, BEGIN_ID)


def test_tokenizers_is_used_if_fastokens_cannot_load_the_file(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(small_tokenizer(tmp_path / "nfkc", normalizer=normalizers.NFKC()))
    assert tokenizer.identity.engine == "tokenizers"
    assert "fastokens cannot load it" in tokenizer.identity.engine_reason
    assert "NFKC" in tokenizer.identity.engine_reason
    ids, _ = tokenizer.encode(["ﬁve foxes"])
    assert tokenizer.decode(ids) == "five foxes"


def test_tokenizers_is_used_if_fastokens_differs(tmp_path: Path) -> None:
    directory = small_tokenizer(
        tmp_path / "lower", normalizer=normalizers.Lowercase(), added=(AddedToken("FOO"),)
    )
    identity = load_tokenizer(directory).identity
    assert identity.engine == "tokenizers"
    assert identity.engine_reason.startswith("fastokens differs from tokenizers: ")


@pytest.mark.parametrize("engine", ["fastokens", "tokenizers"])
def test_a_requested_engine_is_used(tmp_path: Path, engine: str) -> None:
    identity = load_tokenizer(small_tokenizer(tmp_path / "small"), engine).identity  # type: ignore[arg-type]
    assert (identity.engine, identity.engine_reason) == (engine, "requested")


def test_a_requested_engine_that_cannot_load_the_file_is_an_error(tmp_path: Path) -> None:
    directory = small_tokenizer(tmp_path / "nfkc", normalizer=normalizers.NFKC())
    with pytest.raises(ConfigError, match="use engine: auto"):
        load_tokenizer(directory, "fastokens")


def test_bpe_dropout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="set dropout to null"):
        load_tokenizer(small_tokenizer(tmp_path / "dropout", dropout=0.1))


def test_a_directory_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*tokenizer\.json; .*save_pretrained"):
        load_tokenizer(tmp_path)
    small_tokenizer(tmp_path / "gpt2")
    with pytest.raises(ConfigError, match="did you mean 'gpt2'"):
        load_tokenizer(tmp_path / "gpt")


def test_a_file_that_is_not_a_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"tokenizer\.json: tokenizers cannot load it"):
        load_tokenizer(tmp_path)


def test_an_unreadable_config_is_reported_with_file_and_line(tmp_path: Path) -> None:
    directory = small_tokenizer(tmp_path / "small")
    (directory / "tokenizer_config.json").write_text('{\n"eos_token" "x"}')
    with pytest.raises(ConfigError, match=r"tokenizer_config\.json:2: not JSON"):
        load_tokenizer(directory)


@pytest.mark.parametrize(
    "config",
    [
        {"eos_token": "<none>"},
        {"added_tokens_decoder": {"900": {"content": "<none>"}}},
        {"additional_special_tokens": ["<none>"]},
    ],
)
def test_a_special_token_outside_the_vocabulary_is_refused(
    tmp_path: Path, config: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match=r"'<none>' is named beside tokenizer\.json"):
        load_tokenizer(small_tokenizer(tmp_path / "small", config=config))


@pytest.mark.parametrize("engine", ["fastokens", "tokenizers"])
def test_truncation_and_padding_in_the_file_are_ignored(tmp_path: Path, engine: str) -> None:
    directory = small_tokenizer(tmp_path / "small")
    native = Tokenizer.from_file(str(directory / "tokenizer.json"))
    complete = native.encode("fox " * 50).ids
    native.enable_truncation(4)
    native.enable_padding(length=100)
    native.save(str(directory / "tokenizer.json"))
    ids, offsets = load_tokenizer(directory, engine).encode(["fox " * 50, "fox"])  # type: ignore[arg-type]
    assert ids[: offsets[1]].tolist() == complete
    assert len(ids) - int(offsets[1]) < 4


def test_special_tokens_in_the_text_are_parsed_or_plain_text(tmp_path: Path) -> None:
    directory = small_tokenizer(tmp_path / "small")
    for engine in ("fastokens", "tokenizers"):
        parsed = load_tokenizer(directory, engine)  # type: ignore[arg-type]
        letters = load_tokenizer(directory, engine, encoding=Encoding(parse_special=False))  # type: ignore[arg-type]
        assert END_ID in parsed.encode([f"a{END}b"])[0]
        assert END_ID not in letters.encode([f"a{END}b"])[0]
        assert letters.decode(letters.encode([f"a{END}b"])[0]) == f"a{END}b"


def test_a_token_is_found_by_its_text_or_id_or_refused(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(small_tokenizer(tmp_path / "small"))
    assert tokenizer.id_of(END) == tokenizer.id_of(END_ID) == END_ID
    for wrong in ("<none>", -1, tokenizer.vocab_size):
        with pytest.raises(ConfigError, match="has no token"):
            tokenizer.id_of(wrong, "eod")


def test_ids_are_stored_in_two_bytes_below_65500_tokens() -> None:
    assert storage_dtype(65_499) == np.uint16
    assert storage_dtype(65_500) == np.int32


def test_the_sample_is_limited_to_a_megabyte(tmp_path: Path) -> None:
    directory = small_tokenizer(tmp_path / "small")
    taken = []

    def endless() -> object:
        while True:
            taken.append(1)
            yield "é\ud800" * 100_000

    reason = load_tokenizer(directory, sample=endless()).identity.engine_reason  # type: ignore[arg-type]
    assert "same ids as tokenizers on 1,0" in reason
    assert len(taken) == 4
