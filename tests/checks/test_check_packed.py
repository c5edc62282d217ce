"""Packed datasets: their shards, metadata and rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.check_datasets import found
from helpers.token_datasets import (
    Ids,
    errors,
    write_manifest,
    write_packed,
)
from penstock import check
from penstock.checks import CHECKS
from penstock.errors import ConfigError


@pytest.fixture
def tfrecord(tmp_path: Path, documents: list[Ids]) -> Path:
    return write_packed("tfrecord", tmp_path / "notes" / "1.0.0", documents)


@pytest.fixture
def packed_jsonl(tmp_path: Path, documents: list[Ids]) -> Path:
    return write_packed("packed_jsonl", tmp_path / "lines", documents)


def shards(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if "-of-" in path.name)


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.parametrize("kind", ["tfrecord", "packed_jsonl"])
def test_sound_packed_rows_of_real_text_have_no_error(
    tmp_path: Path, documents: list[Ids], tokenizer: Path, kind: str
) -> None:
    directory = write_packed(kind, tmp_path / "notes" / "1.0.0", documents)
    report = check(tmp_path, tokenizer=tokenizer)
    (dataset,) = report.datasets
    assert (dataset.path, dataset.format) == (str(directory), kind)
    assert 4 * len(shards(directory)) < dataset.rows <= 8 * len(shards(directory))
    (finding,) = dataset.findings
    assert finding.code == "token-statistics"
    assert "% padding" in finding.message
    assert "windows re-encode to the same ids" in finding.message


def test_targets_for_trainers_that_shift_by_themselves_are_valid(
    tmp_path: Path, documents: list[Ids]
) -> None:
    write_packed("tfrecord", tmp_path / "notes" / "1.0.0", documents, targets="same")
    assert check(tmp_path).ok


def test_an_original_is_refused(tfrecord: Path) -> None:
    with pytest.raises(ConfigError, match="is tfrecord; --against compares task data only"):
        check(tfrecord, against=tfrecord)


def test_a_flipped_bit_is_found_by_its_checksum_at_its_record(tfrecord: Path) -> None:
    shard = shards(tfrecord)[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 4
    shard.write_bytes(content)
    (finding,) = found(check(tfrecord))["shard-damaged"]
    assert finding.file == str(shard)
    assert finding.line is not None and f"record {finding.line}: the checksum" in finding.message


def test_a_truncated_shard_or_one_without_a_record_is_an_error(tfrecord: Path) -> None:
    first, second, *_ = shards(tfrecord)
    second.write_bytes(second.read_bytes()[:-100])
    (finding,) = found(check(tfrecord))["shard-damaged"]
    assert (finding.file, "cut off" in finding.message) == (str(second), True)
    second.write_bytes(first.read_bytes()[: first.stat().st_size // 8])
    assert "shard-damaged" in errors(check(tfrecord))


def test_every_damaged_shard_is_named_and_the_others_are_read(tfrecord: Path) -> None:
    for shard in shards(tfrecord)[:2]:
        shard.write_bytes(shard.read_bytes()[:50])
    report = check(tfrecord)
    assert {Path(f.file or "").name for f in found(report)["shard-damaged"]} == {
        shard.name for shard in shards(tfrecord)[:2]
    }
    assert "token-statistics" in found(report)


def test_missing_and_stray_shards_are_named(tfrecord: Path) -> None:
    first, *_, last = shards(tfrecord)
    stray = last.with_name(last.name.replace(f"{len(shards(tfrecord)) - 1:05d}-of", "00099-of"))
    last.rename(stray)
    by_code = found(check(tfrecord))
    assert [finding.file for finding in by_code["shard-missing"]] == [str(last)]
    assert [finding.file for finding in by_code["shard-stray"]] == [str(stray)]
    assert "did you mean" in by_code["shard-missing"][0].message
    stray.rename(last)
    first.with_name(first.name.replace("notes-", "memos-")).write_bytes(first.read_bytes())
    assert errors(check(tfrecord)) == {"shard-stray"}


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_a_description_that_is_missing_or_not_json_is_an_error(tfrecord: Path, name: str) -> None:
    (tfrecord / name).write_text("{")
    (finding,) = found(check(tfrecord))["info-unreadable"]
    assert finding.file == str(tfrecord / name)
    (tfrecord / name).unlink()
    assert "info-unreadable" in errors(check(tfrecord))


def test_a_key_that_tfds_rejects_is_an_error_with_the_closest_one(tfrecord: Path) -> None:
    def misspell(info: dict[str, Any]) -> dict[str, Any]:
        info["splits"][0]["num_byte"] = "1"
        return info | {"file_format": "tfrecord", "citations": "none"}

    rewrite(tfrecord / "dataset_info.json", misspell)
    messages = {finding.message for finding in found(check(tfrecord))["info-key-unknown"]}
    assert messages == {
        "the dataset has the key 'citations'; did you mean 'citation'?",
        "a split has the key 'num_byte'; did you mean 'numBytes'?",
    }


def test_num_bytes_is_compared_with_the_shards(tfrecord: Path) -> None:
    def of_bytes(count: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        return lambda info: info | {"splits": [info["splits"][0] | {"numBytes": count}]}

    rewrite(tfrecord / "dataset_info.json", of_bytes("12345"))
    report = check(tfrecord)
    assert report.ok
    assert "numBytes 12,345" in found(report)["info-bytes"][0].message
    sizes = sum(path.stat().st_size for path in shards(tfrecord))
    without_frames = sizes - 16 * report.datasets[0].rows
    rewrite(tfrecord / "dataset_info.json", of_bytes(str(without_frames)))
    assert "info-bytes" not in found(check(tfrecord))


@pytest.mark.parametrize("name", ["notes/1.0", "memos/1.0.0", "notes/2.0.0"])
def test_a_directory_that_tfds_cannot_find_by_name_is_a_warning(
    tfrecord: Path, name: str, tmp_path: Path
) -> None:
    target = tmp_path / "moved" / name
    target.parent.mkdir(parents=True)
    tfrecord.rename(target)
    report = check(target)
    assert report.ok
    assert "version-directory" in found(report)


def test_a_row_length_other_than_in_features_json_is_an_error(tfrecord: Path) -> None:
    def shorter(features: dict[str, Any]) -> dict[str, Any]:
        of_inputs = features["featuresDict"]["features"]["inputs"]
        of_inputs["tensor"]["shape"]["dimensions"] = ["64"]
        return features

    rewrite(tfrecord / "features.json", shorter)
    findings = found(check(tfrecord))["shard-damaged"]
    assert "'inputs' has 128 values, not the 64 of features.json" in findings[0].message


def test_missing_columns_that_a_trainer_needs_are_a_warning(
    tmp_path: Path, documents: list[Ids]
) -> None:
    columns = ("inputs", "targets", "inputs_position")
    write_packed("tfrecord", tmp_path / "notes" / "1.0.0", documents, columns=columns)
    findings = found(check(tmp_path))["column-missing"]
    assert findings[0].message == "rows have no inputs_segmentation, targets_segmentation"


def test_a_row_that_is_wrong_is_named_by_file_and_line(packed_jsonl: Path) -> None:
    shard = shards(packed_jsonl)[1]
    lines = shard.read_text().splitlines()
    row = json.loads(lines[2])
    row["inputs_position"][3] = 77
    lines[2] = json.dumps(row)
    shard.write_text("\n".join(lines) + "\n")
    (finding,) = found(check(packed_jsonl))["positions-broken"]
    assert (finding.file, finding.line) == (str(shard), 3)
    assert "inputs_position is 77 at position 3" in finding.message


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", "json-invalid"),
        ("[1, 2]", "not-an-object"),
        ('{"inputs": 7}', "shard-damaged"),
        ('{"inputs": [1, "two"]}', "shard-damaged"),
        ('{"inputs": [1, 99999999999999999999]}', "json-invalid"),
        ('{"inputs": [1, 2], "targets": [2]}', "row-shape"),
        ('{"inputs": [-100, 2]}', "value-range"),
    ],
)
def test_a_line_that_is_not_a_packed_row_has_its_code(
    packed_jsonl: Path, line: str, code: str
) -> None:
    shard = shards(packed_jsonl)[1]
    lines = shard.read_text().splitlines()
    lines[1] = line
    shard.write_text("\n".join(lines) + "\n")
    (finding,) = found(check(packed_jsonl))[code]
    assert (finding.file, finding.line) == (str(shard), 2)


def test_a_missing_shard_of_lines_is_an_error(packed_jsonl: Path) -> None:
    missing = shards(packed_jsonl)[1]
    missing.unlink()
    (finding,) = found(check(packed_jsonl))["shard-missing"]
    assert finding.file == str(missing)


@pytest.mark.parametrize("kind", ["tfrecord", "packed_jsonl"])
def test_many_rows_are_sampled_and_read_completely_with_full(
    tmp_path: Path, documents: list[Ids], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_packed(kind, tmp_path / "notes" / "1.0.0", documents)
    monkeypatch.setattr("penstock.checks._packed.ROWS_READ", 10)
    report = check(tmp_path)
    message = found(report)["data-sampled"][0].message
    assert message == f"10 of {report.datasets[0].rows} rows were read, evenly spread"
    assert "data-sampled" not in found(check(tmp_path, full=True))


def test_noise_in_packed_rows_is_an_error(tmp_path: Path, documents: list[Ids]) -> None:
    generator = np.random.default_rng(0)
    noise = [generator.integers(1, 2000, len(ids)) for ids in documents]
    write_packed("tfrecord", tmp_path / "notes" / "1.0.0", noise)
    assert errors(check(tmp_path)) == {"types-uniform", "order-random"}


def test_ids_beyond_the_vocabulary_are_named_by_their_row(
    tmp_path: Path, documents: list[Ids], tokenizer: Path
) -> None:
    documents = [*documents]
    documents[0] = np.append(documents[0][:50], 40_000)
    directory = write_packed("packed_jsonl", tmp_path / "lines", documents)
    (finding,) = found(check(tmp_path, tokenizer=tokenizer))["ids-out-of-range"]
    assert (finding.file, finding.line) == (str(shards(directory)[0]), 1)


def test_a_replaced_file_differs_from_the_manifest(tfrecord: Path, tokenizer: Path) -> None:
    write_manifest(tfrecord, format="tfrecord", tokenizer=tokenizer)
    assert check(tfrecord).ok
    first, second, *_ = shards(tfrecord)
    first.write_bytes(second.read_bytes())
    assert "manifest-mismatch" in errors(check(tfrecord))


def test_every_token_format_has_a_check() -> None:
    assert {"megatron", "tfrecord", "arrayrecord", "packed_jsonl"} <= set(CHECKS.names())
