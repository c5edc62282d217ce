"""The output of `penstock show`, and the text in that of `penstock check`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from helpers.command import penstock
from helpers.token_datasets import (
    encode,
    prose,
    train_tokenizer,
    write_manifest,
    write_megatron,
    write_packed,
)

TEXT = "A sentence that nobody else may read stands here, and it is long enough to be a document."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a tokenizer, an open dataset and a confidential one."""
    home = tmp_path_factory.mktemp("home")
    texts = [TEXT, *prose()]
    tokenizer = train_tokenizer(home / "tokenizer", texts, size=800)
    documents = encode(tokenizer, texts)
    prefix = write_megatron(home / "open_text_document", documents)
    write_manifest(prefix, format="megatron", tokenizer=tokenizer)
    directory = write_packed("tfrecord", home / "notes" / "1.0.0", documents)
    write_manifest(directory, format="tfrecord", tokenizer=tokenizer, redact=True)
    return home


def test_rows_are_shortened_for_humans_and_complete_as_json(home: Path) -> None:
    shown = penstock("show", "open_text_document", "-n", "2", cwd=home)
    assert shown.returncode == 0
    assert TEXT in shown.stdout
    assert "megatron, rows: train" in shown.stderr
    document = json.loads(penstock("show", "notes", "--format", "json", cwd=home).stdout)
    assert document["format"] == "tfrecord"
    assert len(document["rows"][0]["columns"]["inputs_position"]) == 128


def test_jsonl_and_csv_have_one_line_per_row(home: Path) -> None:
    arguments = ("show", "open_text_document", "-n", "4", "--format")
    lines = penstock(*arguments, "jsonl", cwd=home).stdout.splitlines()
    assert json.loads(lines[0])["documents"] == [TEXT]
    rows = list(csv.DictReader(io.StringIO(penstock(*arguments, "csv", cwd=home).stdout)))
    assert len(rows) == len(lines) == 4
    assert json.loads(rows[0]["documents"]) == [TEXT]


@pytest.mark.parametrize("command", ["show", "check"])
@pytest.mark.parametrize("format", ["human", "json"])
def test_confidential_text_is_shown_on_request_only(home: Path, command: str, format: str) -> None:
    done = penstock(command, "notes", "--format", format, cwd=home)
    assert done.returncode == 0
    assert "nobody else may read" not in done.stdout + done.stderr
    if format == "human" or command == "show":
        asked = penstock(command, "notes", "--show-text", "--format", format, cwd=home)
        assert "nobody else may read" in asked.stdout


def test_a_check_shows_the_first_row_as_text(home: Path) -> None:
    assert TEXT in penstock("check", "open_text_document", cwd=home).stdout
    hidden = penstock("check", "open_text_document", "--hide-text", cwd=home)
    assert hidden.returncode == 0
    assert TEXT not in hidden.stdout
    assert TEXT not in penstock("check", "open_text_document", "--format", "json", cwd=home).stdout


def test_a_check_of_tokens_exits_with_1_if_there_is_an_error(home: Path) -> None:
    data = (home / "open_text_document.bin").read_bytes()
    (home / "cut_text_document.bin").write_bytes(data[:-2])
    (home / "cut_text_document.idx").write_bytes((home / "open_text_document.idx").read_bytes())
    done = penstock("check", "cut_text_document", "--full", "--tokenizer", "tokenizer", cwd=home)
    assert done.returncode == 1
    assert "data-size" in done.stdout


def test_a_path_without_a_dataset_is_a_usage_error(home: Path) -> None:
    done = penstock("show", "open_text_documents", cwd=home)
    assert done.returncode == 2
    assert "there is no such dataset" in done.stderr
