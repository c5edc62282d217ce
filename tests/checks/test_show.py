"""`show`: the first rows of any dataset, and the text of their tokens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.check_datasets import write_copa
from helpers.token_datasets import (
    CONTEXT,
    Ids,
    encode,
    prose,
    train_tokenizer,
    write_manifest,
    write_megatron,
    write_packed,
)
from penstock.checks import show
from penstock.errors import ConfigError, DataError
from penstock.manifest import MANIFEST_NAME
from penstock.redaction import MASK


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return prose()[:30]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"), texts, size=800)


@pytest.fixture(scope="module")
def documents(tokenizer: Path, texts: list[str]) -> list[Ids]:
    return encode(tokenizer, texts)


def test_a_document_of_a_pair_is_shown_with_its_ids_and_its_text(
    tmp_path: Path, documents: list[Ids], texts: list[str], tokenizer: Path
) -> None:
    prefix = write_megatron(tmp_path / "notes_text_document", documents)
    for path in (prefix, prefix.with_name(f"{prefix.name}.bin"), tmp_path):
        shown = show(path, rows=2, tokenizer=tokenizer)
        assert (shown.format, shown.split, shown.splits) == ("megatron", "train", {"train": 30})
        assert [row.documents for row in shown.rows] == [[text] for text in texts[:2]]
        assert shown.rows[1].columns == {"inputs": documents[1].tolist()}


@pytest.mark.parametrize("kind", ["tfrecord", "packed_jsonl"])
def test_the_documents_of_a_packed_row_are_shown_separately_without_padding(
    tmp_path: Path, texts: list[str], tokenizer: Path, kind: str
) -> None:
    short = [text[:60] for text in texts]
    directory = write_packed(kind, tmp_path / "notes" / "1.0.0", encode(tokenizer, short))
    write_manifest(directory, format=kind, tokenizer=tokenizer)
    shown = show(directory, rows=4)
    assert not shown.notes
    assert [text for row in shown.rows for text in row.documents or []] == short[
        : sum(len(row.documents or []) for row in shown.rows)
    ]
    assert len(shown.rows[0].documents or []) > 1
    assert {len(column) for column in shown.rows[0].columns.values()} == {CONTEXT}
    assert len(shown.rows[0].columns) == 6
    assert shown.rows[0].number == 1


def test_without_a_tokenizer_there_are_ids_and_a_note(tmp_path: Path, documents: list[Ids]) -> None:
    shown = show(write_megatron(tmp_path / "n_document", documents))
    assert shown.rows[0].documents is None
    assert len(shown.rows) == 3
    assert "--tokenizer DIR" in shown.notes[0]


def test_rows_of_a_task_are_shown_if_later_ones_are_broken(
    tmp_path: Path,
) -> None:
    copa = write_copa(tmp_path / "Copa")
    with (copa / "copa_train.jsonl").open("a") as stream:
        stream.write("{broken\n")
    shown = show(tmp_path, rows=1, split="train")
    assert (shown.format, shown.path) == ("task_jsonl", str(copa))
    assert shown.rows[0].columns["premise"] == "The rain came on day 0."
    assert shown.splits == {"train": 21, "validation": 5}
    assert show(copa, split="validation").rows[0].file.endswith("copa_validation.jsonl")


def test_confidential_text_and_ids_are_masked(
    tmp_path: Path, documents: list[Ids], texts: list[str], tokenizer: Path
) -> None:
    directory = write_packed("tfrecord", tmp_path / "notes" / "1.0.0", documents)
    write_manifest(directory, format="tfrecord", tokenizer=tokenizer, redact=True)
    shown = show(directory)
    assert shown.masked
    assert {text for row in shown.rows for text in row.documents or []} == {MASK}
    output = json.dumps(shown.to_dict())
    assert texts[0][:20] not in output
    assert str(documents[0][:5].tolist())[1:-1] not in output
    assert shown.rows[0].columns["inputs_position"][:3] == [0, 1, 2]
    open_shown = show(directory, show_text=True)
    assert not open_shown.masked
    assert open_shown.rows[0].documents != shown.rows[0].documents


@pytest.mark.parametrize("name", ["", "notes_text_document", "notes_text_document.bin"])
def test_one_file_of_a_confidential_dataset_is_masked(
    tmp_path: Path, documents: list[Ids], tokenizer: Path, name: str
) -> None:
    directory = tmp_path / "notes"
    write_megatron(directory / "notes_text_document", documents)
    write_manifest(directory, format="megatron", tokenizer=tokenizer, redact=True)
    shown = show(directory / name, tokenizer=tokenizer)
    assert shown.masked
    assert {text for row in shown.rows for text in row.documents or []} == {MASK}
    assert {str(row.columns["inputs"]) for row in shown.rows} == {MASK}
    assert not show(directory / name, show_text=True).masked


def test_confidential_rows_of_text_are_masked_field_by_field(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    manifest = write_manifest(copa, format="task_jsonl", redact=True)
    assert (copa / MANIFEST_NAME).read_bytes() == manifest.to_json()
    columns = show(copa, rows=1).rows[0].columns
    assert columns == dict.fromkeys(("premise", "choice1", "choice2", "question"), MASK) | {
        "idx": 0,
        "label": 0,
    }


def test_an_unknown_split_is_an_error_with_the_closest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no split 'trian'; did you mean 'train'"):
        show(write_copa(tmp_path / "Copa"), split="trian")


def test_a_tree_of_datasets_is_an_error_that_lists_them(
    tmp_path: Path, documents: list[Ids]
) -> None:
    write_megatron(tmp_path / "one_document", documents)
    write_megatron(tmp_path / "two_document", documents)
    with pytest.raises(ConfigError, match=r"holds 2 datasets; name one: .*one_document, .*two_doc"):
        show(tmp_path)


def test_a_path_without_a_dataset_is_an_error_for_show(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no dataset of a known format"):
        show(tmp_path)
    with pytest.raises(ConfigError, match="there is no such dataset"):
        show(tmp_path / "nowhere")


def test_ids_out_of_range_are_a_clear_error(tmp_path: Path, tokenizer: Path) -> None:
    prefix = write_megatron(tmp_path / "n_document", [np.array([1, 2, 60_000])])
    with pytest.raises(DataError, match="not in the vocabulary; see penstock check"):
        show(prefix, tokenizer=tokenizer)
