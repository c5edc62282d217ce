"""Pairs of .bin and .idx: errors in the index, the dtype, and the size of the .bin."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.check_datasets import found
from helpers.token_datasets import (
    Ids,
    errors,
    write_manifest,
    write_megatron,
)
from penstock import check
from penstock.errors import ConfigError
from penstock.findings import CheckReport, Finding

HEADER = 34
#: The findings about a pair of real text.
HARMLESS = {"dtype-deepspeed", "token-statistics", "tokenizer-unknown"}


@pytest.fixture
def pair(tmp_path: Path, documents: list[Ids]) -> Path:
    """A pair of real text, by its prefix."""
    return write_megatron(tmp_path / "notes_text_document", documents)


def beside(prefix: Path, suffix: str) -> Path:
    return prefix.with_name(prefix.name + suffix)


def edit(path: Path, at: int, data: bytes) -> None:
    """Put other bytes into a file."""
    content = bytearray(path.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)


def only(report: CheckReport, code: str) -> Finding:
    (finding,) = found(report)[code]
    return finding


def test_a_sound_pair_of_real_text_has_no_error(
    pair: Path, tokenizer: Path, documents: list[Ids]
) -> None:
    report = check(pair, tokenizer=tokenizer)
    (dataset,) = report.datasets
    assert report.ok
    assert (dataset.format, dataset.path, dataset.rows) == ("megatron", str(pair), len(documents))
    assert found(report).keys() == {"dtype-deepspeed", "token-statistics"}
    assert "windows re-encode to the same ids" in only(report, "token-statistics").message


@pytest.mark.parametrize("name", ["", ".bin", ".idx"])
def test_a_pair_is_named_by_its_prefix_or_either_file(pair: Path, name: str) -> None:
    assert [dataset.path for dataset in check(beside(pair, name)).datasets] == [str(pair)]


def test_every_pair_below_a_directory_is_checked(tmp_path: Path, documents: list[Ids]) -> None:
    for name in ("b/two_text_document", "a/one_text_document"):
        write_megatron(tmp_path / name, documents)
    paths = [Path(dataset.path).name for dataset in check(tmp_path).datasets]
    assert paths == ["one_text_document", "two_text_document"]


def test_a_prefix_that_is_not_there_is_refused(pair: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such path"):
        check(pair.with_name("notes_txt_document"))


def test_an_original_is_refused(pair: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is megatron; --against compares task data only"):
        check(pair, against=tmp_path)


@pytest.mark.parametrize(
    ("at", "data", "message"),
    [
        (0, b"X", "does not begin with MMIDIDX"),
        (9, struct.pack("<Q", 2), "version 2"),
        (17, b"\x09", "dtype code 9"),
        (18, struct.pack("<Q", 10**6), "1,000,000 sequences"),
        (26, struct.pack("<Q", 0), "counts no document"),
    ],
)
def test_a_damaged_header_is_an_error(pair: Path, at: int, data: bytes, message: str) -> None:
    edit(beside(pair, ".idx"), at, data)
    report = check(pair)
    assert message in only(report, "index-unreadable").message
    assert errors(report) == {"index-unreadable"}


def test_an_index_that_breaks_off_is_an_error(pair: Path) -> None:
    index = beside(pair, ".idx")
    for size in (0, 5, 20, HEADER, HEADER + 100, index.stat().st_size - 1):
        index.write_bytes(index.read_bytes()[:size])
        assert errors(check(pair)) == {"index-unreadable"}


def test_a_negative_length_is_an_error_and_an_empty_sequence_a_warning(
    tmp_path: Path, documents: list[Ids]
) -> None:
    pair = write_megatron(tmp_path / "n_document", [documents[0], documents[1][:0], documents[2]])
    report = check(pair)
    assert report.ok
    assert "sequence 1 has no tokens" in only(report, "sequences-empty").message
    edit(beside(pair, ".idx"), HEADER + 4, struct.pack("<i", -3))
    report = check(pair)
    assert "sequence 1 has a negative length" in only(report, "index-lengths").message
    assert {"index-lengths", "index-addresses"} == errors(report)


def test_a_sequence_that_does_not_start_where_the_previous_one_ends_is_an_error(
    pair: Path, documents: list[Ids]
) -> None:
    count = len(documents)
    edit(beside(pair, ".idx"), HEADER + 4 * count + 8 * 5, struct.pack("<q", 4))
    finding = only(check(pair), "index-addresses")
    assert "sequence 5 does not start where the previous one ends" in finding.message
    assert finding.count == 2  # the sequence itself and the next one


@pytest.mark.parametrize(
    ("document", "value", "message"),
    [
        (0, 3, "the first document must start at sequence 0, not 3"),
        (-1, 1, "the last document must end at sequence"),
        (7, 2, "document 7 starts before"),
    ],
)
def test_documents_out_of_order_are_an_error(
    pair: Path, documents: list[Ids], document: int, value: int, message: str
) -> None:
    count = len(documents)
    at = HEADER + 12 * count + 8 * (document % (count + 1))
    edit(beside(pair, ".idx"), at, struct.pack("<q", value))
    assert any(message in finding.message for finding in found(check(pair))["index-documents"])


@pytest.mark.parametrize(
    ("change", "message"), [(-1000, "it is cut short"), (6, "it belongs to another .idx")]
)
def test_a_bin_of_another_size_than_the_index_describes_is_an_error(
    pair: Path, change: int, message: str
) -> None:
    data = beside(pair, ".bin")
    content = data.read_bytes()
    data.write_bytes(content[:change] if change < 0 else content + bytes(change))
    finding = only(check(pair), "data-size")
    assert message in finding.message
    assert finding.file == str(data)


def test_a_foreign_bin_of_the_same_size_is_found_by_the_manifest(pair: Path) -> None:
    write_manifest(pair, format="megatron")
    data = beside(pair, ".bin")
    data.write_bytes(data.read_bytes()[::-1])
    finding = only(check(pair), "manifest-mismatch")
    assert (finding.file, finding.message) == (
        str(data),
        "the content differs from the hash in penstock.json",
    )


@pytest.mark.parametrize("suffix", [".bin", ".idx"])
def test_half_a_pair_is_an_error(pair: Path, suffix: str) -> None:
    missing = beside(pair, suffix)
    missing.unlink()
    report = check(pair.parent)
    assert errors(report) == {"file-missing"}
    assert only(report, "file-missing").file == str(missing)


def test_deepspeeds_meaning_of_a_dtype_code_is_found_by_the_addresses(
    tmp_path: Path, documents: list[Ids]
) -> None:
    # DeepSpeed writes uint16 with code 6, which Megatron reads as float64.
    pair = write_megatron(tmp_path / "n_document", documents)
    edit(beside(pair, ".idx"), 17, b"\x06")
    report = check(pair)
    assert "the dtype code 6 means uint16 in this file" in only(report, "dtype-foreign").message
    # DeepSpeed writes uint64 with code 8, which Megatron reads as uint16.
    pair = write_megatron(tmp_path / "m_document", documents, "<i8")
    edit(beside(pair, ".idx"), 17, b"\x08")
    report = check(pair)
    assert "the dtype code 8 means uint64 in this file" in only(report, "dtype-foreign").message
    assert errors(report) == {"dtype-foreign"}


def test_a_float_dtype_is_an_error(tmp_path: Path, documents: list[Ids]) -> None:
    pair = write_megatron(tmp_path / "n_document", documents, "<f4")
    assert "dtype-no-tokens" in errors(check(pair))


@pytest.mark.parametrize(
    ("vocab_size", "dtype", "code"),
    [
        (65_499, "<u2", None),
        (65_500, "<u2", "dtype-guessed"),
        (65_536, "<u2", "dtype-guessed"),
        (65_537, "<u2", "dtype-narrow"),
        (65_537, "<i4", None),
        (300, "u1", "dtype-narrow"),
    ],
)
def test_a_dtype_is_compared_with_the_vocabulary(
    tmp_path: Path, documents: list[Ids], vocab_size: int, dtype: str, code: str | None
) -> None:
    pair = write_megatron(tmp_path / "n_document", [ids % 200 for ids in documents], dtype)
    manifest = write_manifest(pair, format="megatron")
    identity = {"vocab_size": vocab_size}
    path = pair.with_name(f"{pair.name}.penstock.json")
    path.write_bytes(manifest.model_copy(update={"tokenizer": identity}).to_json())
    dtypes = {code for code in found(check(pair)) if code.startswith("dtype-")}
    assert dtypes - {"dtype-deepspeed"} == ({code} if code else set())


def test_int32_ids_under_a_code_for_two_bytes_are_found(
    tmp_path: Path, documents: list[Ids]
) -> None:
    halves = [ids.astype("<i4").view("<u2") for ids in documents]
    pair = write_megatron(tmp_path / "n_document", halves)
    assert "ids-halved" in errors(check(pair))


@pytest.mark.parametrize(
    ("noise", "code"),
    [
        (lambda ids, rng: rng.integers(0, 2000, len(ids)), "types-uniform"),
        (lambda ids, rng: rng.permutation(ids), "order-random"),
        (lambda ids, rng: np.resize(ids[:20], len(ids)), "text-repeated"),
        (lambda ids, rng: np.where(rng.random(len(ids)) < 0.7, 5, ids), "token-dominant"),
    ],
)
def test_a_pair_of_noise_is_an_error(
    tmp_path: Path,
    documents: list[Ids],
    noise: Callable[[Ids, np.random.Generator], Ids],
    code: str,
) -> None:
    ids = noise(np.concatenate(documents), np.random.default_rng(0))
    pair = write_megatron(tmp_path / "n_document", np.array_split(ids, 50))
    assert code in errors(check(pair))


def test_large_data_is_sampled_and_read_completely_with_full(
    tmp_path: Path, documents: list[Ids], tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = np.concatenate(documents * (1 + 1_200_000 // sum(map(len, documents))))
    ids[1500] = 60_000  # after the first block of the sample, and before the second
    pair = write_megatron(tmp_path / "n_document", np.array_split(ids, 900))
    assert (
        "the id 60000 is not in"
        in only(check(pair, tokenizer=tokenizer), "ids-out-of-range").message
    )
    monkeypatch.setattr("penstock.checks.megatron.READ_BYTES", 1_000_000)
    report = check(pair, tokenizer=tokenizer)
    assert "ids-out-of-range" not in errors(report)
    assert f"of {len(ids):,} tokens were read" in only(report, "data-sampled").message
    assert "ids-out-of-range" in errors(check(pair, tokenizer=tokenizer, full=True))


def test_multimodal_data_is_noted(pair: Path, documents: list[Ids]) -> None:
    index = beside(pair, ".idx")
    index.write_bytes(index.read_bytes() + bytes([0, 1] * len(documents))[: len(documents)])
    assert "a mode (0, 1)" in only(check(pair), "modes-present").message


def test_an_index_of_many_blocks_is_checked_across_them(
    pair: Path, documents: list[Ids], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.checks.megatron.index.BLOCK", 7)
    assert check(pair).ok
    edit(beside(pair, ".idx"), HEADER + 4 * len(documents) + 8 * 14, struct.pack("<q", 2))
    assert "sequence 14 does not" in only(check(pair), "index-addresses").message
    edit(beside(pair, ".idx"), HEADER + 12 * len(documents) + 8 * 14, struct.pack("<q", 2))
    assert "document 14 starts" in only(check(pair), "index-documents").message


@pytest.mark.parametrize("name", ["", "notes_text_document", "notes_text_document.idx"])
def test_a_pair_is_checked_with_the_manifest_of_its_dataset(
    tmp_path: Path, documents: list[Ids], tokenizer: Path, name: str
) -> None:
    for stem in ("notes_text_document", "notes_test_text_document"):
        write_megatron(tmp_path / stem, documents)
    write_manifest(tmp_path, format="megatron", tokenizer=tokenizer)
    assert "tokenizer-unknown" not in found(check(tmp_path / name))
    (tmp_path / "notes_text_document.bin").write_bytes(bytes(10))
    assert "manifest-mismatch" in found(check(tmp_path / name))
    other = check(tmp_path / "notes_test_text_document")
    assert "manifest-mismatch" not in found(other)


def test_a_directory_of_splits_is_one_dataset(tmp_path: Path, documents: list[Ids]) -> None:
    for split in ("train", "validation"):
        write_megatron(tmp_path / "notes" / f"notes_{split}_text_document", documents)
    write_manifest(tmp_path / "notes", format="megatron")
    (dataset,) = check(tmp_path).datasets
    assert (dataset.path, dataset.rows) == (str(tmp_path / "notes"), 2 * len(documents))
    assert {finding.code for finding in dataset.findings} == HARMLESS


def test_an_empty_pair_has_no_tokens(tmp_path: Path) -> None:
    pair = write_megatron(tmp_path / "n_document", [np.empty(0, np.int64)])
    report = check(pair)
    assert report.ok
    assert "tokens-few" in found(report)
