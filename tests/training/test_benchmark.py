"""Train, dev and evaluation rows of a benchmark run, and the order of batches."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from helpers.training_data import Rows, arc_rows, copa_rows, squad_rows, write_task
from penstock.errors import ConfigError, DataError
from penstock.runs import RunData
from penstock.training import Hyperparameters
from penstock.training.benchmark import BenchmarkRows, load_rows
from penstock.training.data import batch_indices


def values(**given: Any) -> Hyperparameters:
    return Hyperparameters(learning_rate=1e-3, **({"dev_samples": 8} | given))


def one(path: Path) -> RunData:
    return RunData(path=str(path), label="original")


def silent(text: str) -> None:
    """Discard a log line."""


def ids(rows: Rows) -> list[Any]:
    return [row["idx"] for row in rows]


def test_the_last_train_rows_are_dev_and_the_validation_file_is_evaluated(copa: Path) -> None:
    rows = load_rows(one(copa), "copa", values(), silent)
    assert ids(rows.train) == list(range(24))
    assert ids(rows.dev) == list(range(24, 32))
    assert ids(rows.evaluation) == list(range(100, 112))


@pytest.mark.parametrize(
    ("task", "rows", "dev"), [("copa", copa_rows, 100), ("arcc_mc", arc_rows, 500)]
)
def test_the_default_number_of_dev_rows_is_the_tasks(
    tmp_path: Path, task: str, rows: Any, dev: int
) -> None:
    path = write_task(tmp_path / "data", task, rows(dev + 3), rows(2))
    found = load_rows(one(path), task, values(dev_samples=None), silent)
    assert (len(found.train), len(found.dev)) == (3, dev)


@pytest.fixture
def pair(tmp_path: Path) -> RunData:
    """An original dataset, and a synthetic one whose rows all start with "So"."""
    original = write_task(tmp_path / "o", "copa", copa_rows(32), copa_rows(12, first=100))
    synthetic = write_task(
        tmp_path / "s", "copa", copa_rows(32, words="So "), copa_rows(12, first=100, words="So ")
    )
    return RunData(original=str(original), synthetic=str(synthetic), label="both")


def mixed(pair: RunData, mix: str, **given: Any) -> BenchmarkRows:
    return load_rows(pair.model_copy(update={"mix": mix}), "copa", values(**given), silent)


def is_synthetic(row: dict[str, Any]) -> bool:
    return bool(row["premise"].startswith("So "))


@pytest.mark.parametrize("mix", ["original", "synthetic", "both"])
def test_dev_and_evaluation_rows_come_from_the_original(pair: RunData, mix: str) -> None:
    rows = mixed(pair, mix)
    assert not any(is_synthetic(row) for row in rows.dev + rows.evaluation)
    assert not set(ids(rows.train)) & set(ids(rows.dev)), "a dev row is trained on in other words"
    expected = {"original": [False], "synthetic": [True], "both": [False, True]}[mix]
    assert [is_synthetic(row) for row in rows.train] == [s for s in expected for _ in range(24)]


def test_the_training_sample_depends_on_the_seed(pair: RunData) -> None:
    sample = mixed(pair, "both", train_samples=10, seed=1).train
    assert len(sample) == 10
    assert mixed(pair, "both", train_samples=10, seed=1).train == sample
    assert mixed(pair, "both", train_samples=10, seed=2).train != sample
    assert len(mixed(pair, "both", train_samples=None).train) == 48


def test_the_evaluation_sample_is_the_same_for_every_seed_and_in_order(copa: Path) -> None:
    first, second = (
        load_rows(one(copa), "copa", values(eval_samples=5, seed=seed), silent).evaluation
        for seed in (1, 2)
    )
    assert first == second
    assert len(first) == 5
    assert ids(first) == sorted(ids(first))


def test_loading_logs_files_and_counts(copa: Path) -> None:
    said: list[str] = []
    load_rows(one(copa), "copa", values(train_samples=10), said.append)
    assert said == [
        f"Loading Copa dataset from local JSONL files at: {copa}",
        f"Loaded 32 samples from {copa / 'copa_train.jsonl'}",
        f"Loaded 12 samples from {copa / 'copa_validation.jsonl'}",
        "Training on 10 of 24 rows, choosing on 8, evaluating on 12 of 12",
    ]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_row_without_an_answer_is_refused_with_file_and_line(tmp_path: Path, split: str) -> None:
    hidden = copa_rows(20)
    hidden[6]["label"] = -1
    rows = {"train": copa_rows(20), "validation": copa_rows(20), split: hidden}
    path = write_task(tmp_path / "data", "copa", rows["train"], rows["validation"])
    with pytest.raises(
        DataError, match=rf"copa_{split}\.jsonl:7: label marks a row without an answer"
    ):
        load_rows(one(path), "copa", values(), silent)


def test_a_row_without_a_reference_is_refused(tmp_path: Path) -> None:
    rows = squad_rows(12)
    rows[3]["answers"] = {"text": [], "answer_start": []}
    path = write_task(tmp_path / "data", "squad", rows, squad_rows(2))
    with pytest.raises(DataError, match=r"squad_train\.jsonl:4: answers marks"):
        load_rows(one(path), "squad", values(), silent)


@pytest.mark.parametrize("dev", [32, 33])
def test_too_few_rows_to_train_on_are_refused(copa: Path, dev: int) -> None:
    message = f"hyperparameters.dev_samples: {dev} dev rows leave nothing of the 32 rows"
    with pytest.raises(ConfigError, match=message):
        load_rows(one(copa), "copa", values(dev_samples=dev), silent)


def test_a_synthetic_dataset_that_is_too_small_is_refused(tmp_path: Path, pair: RunData) -> None:
    small = write_task(tmp_path / "small", "copa", copa_rows(8), copa_rows(2))
    with pytest.raises(ConfigError, match="dev_samples: 8 dev rows leave nothing of the 8 rows"):
        mixed(pair.model_copy(update={"synthetic": str(small)}), "both")


@pytest.mark.parametrize(("rows", "size"), [(10, 3), (10, 10), (4, 6), (1, 4), (7, 7)])
def test_every_epoch_has_every_row_once(rows: int, size: int) -> None:
    flat = [
        index for batch in islice(batch_indices(rows, size, seed=0), 5 * rows) for index in batch
    ]
    assert len(flat) == 5 * rows * size
    epochs = [flat[i : i + rows] for i in range(0, len(flat), rows)]
    assert all(sorted(epoch) == list(range(rows)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1 or rows == 1


def test_the_order_of_batches_depends_on_the_seed() -> None:
    first, again, other = (list(islice(batch_indices(20, 4, seed), 25)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert all(len(batch) == 4 for batch in first)


def test_large_batches_concatenate_small_ones() -> None:
    small = [i for batch in islice(batch_indices(20, 4, seed=3), 20) for i in batch]
    large = [i for batch in islice(batch_indices(20, 16, seed=3), 5) for i in batch]
    assert small == large
