"""The process of a run with LLaMA-Factory: what it records of every kind of end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from helpers.llamafactory_world import (
    chat_row,
    make_run,
    start,
    stub_environment,
    write_chat,
    write_rows,
)
from helpers.processes import alive, end, wait_for
from penstock.runs import FailureKind, RunDirectory, State


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_chat(tmp_path / "lamps")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    return stub_environment(tmp_path / "environment")


def run_to_end(directory: RunDirectory, environment: Path, behaviour: str = "train") -> int:
    """Run the process to its end; return its status."""
    process = start(directory, environment, behaviour)
    process.communicate(timeout=60)
    return process.returncode


def log(directory: RunDirectory) -> str:
    config = directory.read().config
    return "".join(directory.log_file(config, stream).read_text() for stream in ("out", "err"))


def test_a_run_is_done_with_the_loss_of_the_test_rows(
    tmp_path: Path, data: Path, environment: Path
) -> None:
    directory = make_run(tmp_path / "Results", data)
    assert run_to_end(directory, environment) == 0
    record = directory.read()
    result = record.result
    assert record.state is State.DONE
    assert result is not None
    assert (result.metric, result.score, result.dev_score, result.chance) == (
        "loss",
        1.5,
        1.0,
        None,
    )
    assert (result.best_step, result.steps, result.tokens) == (2, 3, 300)
    assert (result.train_rows, result.dev_rows, result.evaluation_rows) == (24, 7, 5)
    assert result.evaluation_split == "test"
    assert result.truncated_rows is None
    assert (result.first_loss, result.last_loss) == (6.0, 4.0)


def test_the_trainers_log_becomes_metrics(tmp_path: Path, data: Path, environment: Path) -> None:
    directory = make_run(tmp_path / "Results", data)
    run_to_end(directory, environment)
    assert directory.metrics()[:2] == [
        {"step": 1, "loss": 6.0, "learning_rate": 1e-4, "epoch": 1 / 3},
        {"step": 1, "dev_score": 3.0, "dev_loss": 3.0},
    ]
    assert len(directory.metrics()) == 6


def test_without_test_rows_the_evaluation_loss_is_the_score(
    tmp_path: Path, environment: Path
) -> None:
    directory = make_run(tmp_path / "Results", write_chat(tmp_path / "lamps", test=0))
    assert run_to_end(directory, environment) == 0
    result = directory.read().result
    assert result is not None
    assert (result.score, result.evaluation_split, result.evaluation_rows) == (1.0, "validation", 7)


def test_the_versions_of_its_environment_are_recorded(
    tmp_path: Path, data: Path, environment: Path
) -> None:
    directory = make_run(tmp_path / "Results", data)
    run_to_end(directory, environment)
    recorded = directory.read().environment
    assert recorded["llamafactory"] == "0.9.5"
    assert recorded["executable"] == str(environment / "bin" / "python")
    assert recorded["compute_dtype"] == "float32"


@pytest.mark.parametrize("behaviour", ["drop", "drop all", "quote"])
def test_logs_contain_no_text_of_rows(
    tmp_path: Path, data: Path, environment: Path, behaviour: str
) -> None:
    directory = make_run(tmp_path / "Results", data)
    assert run_to_end(directory, environment, behaviour) == 1
    assert "secret" not in log(directory)
    assert "secret" not in directory.record_file.read_text()
    assert "training example: (text left out)" in log(directory)
    assert "KV cache is disabled" in log(directory)


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        ("fail", "error", "ended with status 1: ValueError: Unknown dataset."),
        ("out of memory", "out of memory", "CUDA out of memory"),
        ("kill itself", "killed", "killed by SIGKILL; the kernel does this when memory runs out"),
        ("drop", "error", "dropped rows of lamps_train, lamps_eval: Invalid role tag in (1 time)"),
        (
            "drop all",
            "error",
            "dropped rows of lamps_train, lamps_eval: Invalid message count in (24",
        ),
        (
            "quote",
            "error",
            "RuntimeError: Invalid JSON format in function message: (text left out)",
        ),
        ("read fewer", "error", "reads 22 rows of lamps_train, which has 24"),
        ("say nothing", "error", "did not print how many rows of lamps_train it read"),
        ("not finite", "nan", "loss is nan at step 1; lower the learning rate"),
    ],
)
def test_a_failure_is_recorded_with_its_kind_and_message(
    tmp_path: Path, data: Path, environment: Path, behaviour: str, kind: str, words: str
) -> None:
    directory = make_run(tmp_path / "Results", data)
    assert run_to_end(directory, environment, behaviour) == 1
    record = directory.read()
    assert record.state is State.FAILED
    assert record.result is None
    assert record.failure is not None
    assert record.failure.kind is FailureKind(kind)
    assert words in record.failure.message


def test_metrics_that_cannot_be_written_fail_the_run(
    tmp_path: Path, data: Path, environment: Path
) -> None:
    directory = make_run(tmp_path / "Results", data)
    directory.metrics_file.mkdir()
    assert run_to_end(directory, environment) == 1
    record = directory.read()
    assert record.state is State.FAILED
    assert record.failure is not None
    assert str(directory.metrics_file) in record.failure.message


def test_a_row_that_would_be_dropped_fails_the_run_before_it_starts(
    tmp_path: Path, data: Path, environment: Path
) -> None:
    rows = [chat_row(number) for number in range(4)]
    del rows[2]["messages"][-1]
    write_rows(data / "lamps_train.jsonl", rows)
    directory = make_run(tmp_path / "Results", data)
    assert run_to_end(directory, environment) == 1
    failure = directory.read().failure
    assert failure is not None
    assert failure.message.startswith(f"{data / 'lamps_train.jsonl'}:3: the last turn is no answer")
    assert not (directory.path / "trainer").exists()


def test_without_an_environment_the_failure_names_the_install_command(
    tmp_path: Path, data: Path
) -> None:
    directory = make_run(tmp_path / "Results", data)
    assert run_to_end(directory, tmp_path / "absent") == 1
    failure = directory.read().failure
    assert failure is not None
    assert "penstock doctor --install llamafactory" in failure.message


def test_an_environment_that_cannot_import_its_packages_is_not_started(
    tmp_path: Path, data: Path
) -> None:
    import_errors = {"torchvision": "RuntimeError: operator torchvision::nms does not exist"}
    environment = stub_environment(tmp_path / "broken", import_errors=import_errors)
    directory = make_run(tmp_path / "Results", data)
    assert run_to_end(directory, environment) == 1
    failure = directory.read().failure
    assert failure is not None
    assert "torchvision::nms does not exist; see penstock doctor" in failure.message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_a_run_ends_the_trainer_and_its_children(
    tmp_path: Path, data: Path, environment: Path, number: signal.Signals
) -> None:
    directory = make_run(tmp_path / "Results", data)
    process = start(directory, environment, "wait")
    wait_for(lambda: (directory.path / "pid").exists(), "the trainer")
    wait_for(lambda: (directory.path / "child").exists(), "its child")
    wait_for(lambda: len(directory.metrics()) == 6, "its metrics, while it runs")
    started = [int((directory.path / name).read_text()) for name in ("pid", "child")]
    end(process, number)
    assert process.returncode == 130
    assert directory.read().state is State.INTERRUPTED
    wait_for(lambda: not any(map(alive, started)), "the end of all processes")


def test_a_killed_run_leaves_no_trainer(tmp_path: Path, data: Path, environment: Path) -> None:
    directory = make_run(tmp_path / "Results", data)
    process = start(directory, environment, "wait")
    wait_for(lambda: (directory.path / "child").exists(), "the trainer's child")
    started = [int((directory.path / name).read_text()) for name in ("pid", "child")]
    end(process, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, started)), "the end of all processes")
