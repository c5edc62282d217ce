"""Unusable data is refused with file and line before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.grids import plan
from helpers.workspace import append, copa_row, write_copa, write_rows
from penstock.errors import ConfigError, DataError
from penstock.manifest import describe

pytestmark = pytest.mark.usefixtures("workspace")

TRAIN = Path("data/original/Copa/copa_train.jsonl")
VALIDATION = Path("data/original/Copa/copa_validation.jsonl")


def identity() -> str:
    """Return the identity of the only run."""
    (run,) = plan().runs
    return run.identity


def refused(**keys: str) -> str:
    """Return the error for unusable data."""
    with pytest.raises((ConfigError, DataError)) as error:
        plan(**keys)
    assert not Path("Results").exists()
    return str(error.value)


def test_missing_data_is_located_at_its_key() -> None:
    message = refused(data="{path: data/original/Cpa}")
    assert message.startswith("e.yaml:5:8: data.path: ")
    assert "original/Cpa: there is no such directory; did you mean 'Copa'?" in message


def test_a_missing_synthetic_dataset_is_located_at_its_key() -> None:
    message = refused(data="{original: data/original/Copa, synthetic: data/new, mix: both}")
    assert message.startswith("e.yaml:5:") and "data.synthetic: " in message


def test_a_missing_train_file_is_an_error() -> None:
    TRAIN.unlink()
    assert refused() == f"{TRAIN.resolve()}: there is no such file"


def test_a_train_file_without_rows_is_an_error() -> None:
    TRAIN.write_text("")
    assert refused().startswith(f"{TRAIN.resolve()}: the file has no rows")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "column 2: not JSON"),
        (json.dumps({**copa_row(1), "label": 5}), "label "),
        (json.dumps({**copa_row(1), "premise": None}), "premise "),
        (json.dumps({**copa_row(1), "label": -1}), "label marks a row without an answer"),
        ("", "an empty line"),
    ],
)
def test_a_bad_row_is_refused_with_file_and_line_before_anything_starts(
    line: str, message: str
) -> None:
    lines = TRAIN.read_text().splitlines()
    TRAIN.write_text("\n".join([*lines[:3], line, *lines[4:]]) + "\n")
    assert refused().startswith(f"{TRAIN.resolve()}:4: {message}")


def test_a_bad_evaluation_row_is_refused() -> None:
    append(VALIDATION, "[]\n")
    assert refused().startswith(f"{VALIDATION.resolve()}:11: ")


def test_synthetic_data_needs_no_validation_rows() -> None:
    synthetic = write_copa(Path("data/new/Copa/v1"), first=1000)
    (synthetic / "copa_validation.jsonl").unlink()
    keys = "original: data/original/Copa, synthetic: data/new/Copa/v1, mix: synthetic"
    assert len(plan(data=f"{{{keys}}}").runs) == 1


def test_data_that_differs_from_its_manifest_is_refused() -> None:
    directory = TRAIN.parent
    names = [TRAIN.name, VALIDATION.name]
    describe(directory, names, format="task_jsonl", task="copa").write(directory)
    before = identity()
    append(TRAIN, json.dumps(copa_row(999)) + "\n")
    assert refused().startswith(f"{TRAIN.resolve()}: has ")
    TRAIN.write_text("".join(TRAIN.read_text().splitlines(keepends=True)[:-1]))
    assert identity() == before


def test_a_manifest_changes_no_identity() -> None:
    before = identity()
    names = [TRAIN.name, VALIDATION.name]
    describe(TRAIN.parent, names, format="task_jsonl", task="copa").write(TRAIN.parent)
    assert identity() == before


def test_dev_rows_that_leave_no_training_rows_are_refused() -> None:
    write_rows(TRAIN, [copa_row(n) for n in range(100)])
    message = refused()
    assert message.startswith(
        "e.yaml:5:8: data.path: 100 dev rows leave no rows to train on: the train file in"
    )
    assert "lower hyperparameters.dev_samples" in message
    assert plan(hyperparameters="{learning_rate: 1e-6, dev_samples: 99}").runs
