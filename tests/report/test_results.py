"""`results`: every run with its state and scores."""

from __future__ import annotations

from pathlib import Path

import pytest

import penstock
from helpers.command import penstock as command
from helpers.composed_runs import ComposedRuns
from penstock.errors import ConfigError, DataError
from penstock.report import results
from penstock.runs import State


def test_every_run_has_its_state_and_a_done_run_its_scores(
    runs: ComposedRuns,
) -> None:
    runs.add(rate=1e-6, score=0.75, dev=0.5)
    runs.fail("loss is nan", rate=2e-6)
    runs.add(rate=3e-6, state=State.INTERRUPTED)
    rows = [row.to_dict() for row in results(runs.root)]
    assert [row["state"] for row in rows] == ["done", "failed", "interrupted"]
    assert [row["score"] for row in rows] == [0.75, None, None]
    assert [row["dev_score"] for row in rows] == [0.5, None, None]
    assert [row["failure"] for row in rows] == [None, "error: loss is nan", None]


def test_a_running_run_has_its_last_logged_step(runs: ComposedRuns) -> None:
    directory = runs.add(state=State.RUNNING, losses=[0.9, 0.8, 0.7])
    with directory.lock:
        (row,) = results(runs.root)
        assert (row.to_dict()["state"], row.to_dict()["step"]) == ("running", 3)


def test_a_run_whose_process_is_gone_was_killed(runs: ComposedRuns) -> None:
    runs.add(state=State.RUNNING, losses=[0.9])
    (row,) = results(runs.root)
    assert row.to_dict()["state"] == "failed"
    assert row.failure is not None
    assert row.failure.startswith("killed: ")
    assert row.to_dict()["step"] is None


def test_the_runs_of_one_purpose_can_be_listed(runs: ComposedRuns) -> None:
    runs.add(purpose="baseline")
    runs.add(purpose="ablation")
    assert len(results(runs.root)) == 2
    (row,) = results(runs.root, "ablation")
    assert row.to_dict()["purpose"] == "ablation"


def test_a_model_name_with_a_slash_is_listed_in_full(
    runs: ComposedRuns,
) -> None:
    runs.add(model="meta-llama/Llama-3.2-1B")
    runs.add(model="gpt2")
    assert [row.to_dict()["model"] for row in results(runs.root)] == [
        "gpt2",
        "meta-llama/Llama-3.2-1B",
    ]


def test_runs_are_sorted_by_configuration_and_rates_by_value(runs: ComposedRuns) -> None:
    for rate in (1e-5, 3e-7, 0.02, 2e-5):
        runs.add(rate=rate)
    runs.add(rate=3e-7, seed=10)
    runs.add(rate=3e-7, seed=9)
    rows = [row.to_dict() for row in results(runs.root)]
    assert [(row["learning_rate"], row["seed"]) for row in rows] == [
        (3e-7, 0),
        (3e-7, 9),
        (3e-7, 10),
        (1e-5, 0),
        (2e-5, 0),
        (0.02, 0),
    ]


def test_every_attempt_of_a_run_is_listed_in_order_of_time(runs: ComposedRuns) -> None:
    runs.fail()
    runs.add()
    assert [row.to_dict()["state"] for row in results(runs.root)] == ["failed", "done"]
    assert len({row.to_dict()["identity"] for row in results(runs.root)}) == 1


def test_hyperparameters_have_their_own_columns(runs: ComposedRuns) -> None:
    runs.add(method="fo_lora", rate=1e-4, lora_rank=8)
    (row,) = results(runs.root)
    assert (row.to_dict()["lora_rank"], row.to_dict()["learning_rate"]) == (8, 1e-4)


def test_a_missing_results_directory_is_an_error_with_the_closest_name(
    runs: ComposedRuns,
) -> None:
    runs.add(purpose="baseline")
    with pytest.raises(ConfigError, match="did you mean 'baseline'"):
        results(runs.root, "basline")
    with pytest.raises(ConfigError, match="no such directory of results"):
        results(runs.root.with_name("Nowhere"))


def test_a_directory_without_runs_is_an_empty_list(tmp_path: Path) -> None:
    assert results(tmp_path) == []


def test_an_unreadable_record_is_an_error_with_its_path(runs: ComposedRuns) -> None:
    directory = runs.add()
    directory.record_file.write_text("{}")
    with pytest.raises(DataError, match="not a run record") as caught:
        results(runs.root)
    assert caught.value.file == directory.record_file


def test_the_package_exports_what_the_commands_do(runs: ComposedRuns) -> None:
    runs.add()
    assert len(penstock.results(runs.root)) == 1
    assert len(penstock.compare(runs.root).candidates) == 1


def test_dropped_and_truncated_rows_are_shown_with_the_score(runs: ComposedRuns) -> None:
    directory = runs.add(task="chat", metric="loss", score=1.25, chance=None, tokens=4321)
    record = directory.read()
    assert record.result is not None
    record.result.dropped_rows, record.result.truncated_rows = 3, 2
    directory.write(record)
    (row,) = [row.to_dict() for row in results(runs.root)]
    assert (row["evaluation_tokens"], row["dropped_rows"], row["truncated_rows"]) == (4321, 3, 2)
    shown = command("results", "--detail", cwd=runs.root.parent).stdout
    assert "loss 1.250 on 4,321 answer tokens of 100 rows" in shown
    assert "3 rows dropped and 2 truncated for their length" in shown
    record.result.dropped_rows, record.result.truncated_rows = 0, None
    directory.write(record)
    shown = command("results", "--detail", cwd=runs.root.parent).stdout
    assert "0 rows dropped; the trainer does not report truncated rows" in shown


def test_runs_are_distinguished_by_trainer_and_varying_hyperparameters(runs: ComposedRuns) -> None:
    runs.add(trainer="penstock", task="chat", method="fo_lora", lora_rank=8)
    shown = command("results", cwd=runs.root.parent).stdout
    assert "trainer" not in shown
    runs.add(trainer="llamafactory", task="chat", method="fo_lora", lora_rank=16)
    assert "trainer" in command("results", cwd=runs.root.parent).stdout
    heads = command("results", "--detail", cwd=runs.root.parent).stdout
    assert "1e-6 trainer penstock lora_rank 8 seed 0" in heads
    assert "1e-6 trainer llamafactory lora_rank 16 seed 0" in heads
