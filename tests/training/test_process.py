"""The process that executes a run: what it writes into run.json, and its exit status."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.training_runs import command, losses, make_run, predictions, start
from penstock.runs import FailureKind, RunDirectory, State

#: So many steps that only the test ends the run.
LONG: dict[str, Any] = {"steps": 1_000_000}


def execute(directory: RunDirectory, **options: Any) -> tuple[int, str]:
    """Run the process to its end; return its exit status and its standard error."""
    process = start(directory, **options)
    _, stderr = process.communicate(timeout=120)
    return process.returncode, stderr


def wait_for_steps(directory: RunDirectory) -> None:
    """Return once the run has logged a step."""
    deadline = time.monotonic() + 120
    while not any("loss" in line for line in directory.metrics()):
        assert time.monotonic() < deadline, "the run has made no step"
        time.sleep(0.05)


def test_a_run_ends_with_its_result_in_the_record(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    directory = make_run(tmp_path, tiny_model, "copa", "zo", copa)
    status, stderr = execute(directory)
    assert status == 0, stderr
    record = directory.read()
    assert record.state is State.DONE
    assert record.failure is None
    assert record.finished is not None
    assert record.result is not None
    assert record.result.steps == len(losses(directory)) == 4
    assert len(predictions(directory)) == record.result.evaluation_rows


def test_a_loss_that_is_not_finite_has_a_failure_kind(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    directory = make_run(tmp_path, tiny_model, "copa", "fo_full", copa, learning_rate=1e12)
    status, stderr = execute(directory)
    failure = directory.read().failure
    assert failure is not None
    assert (status, failure.kind, failure.status) == (1, FailureKind.NOT_FINITE, 1)
    assert "lower the learning rate" in failure.message
    assert failure.message in stderr
    assert "Traceback" not in stderr


def test_out_of_memory_has_a_failure_kind(tmp_path: Path, tiny_model: Path, copa: Path) -> None:
    def two_gigabytes() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 * 1024**3, 2 * 1024**3))

    directory = make_run(tmp_path, tiny_model, "copa", "fo_full", copa, batch_size=20_000)
    status, stderr = execute(directory, preexec_fn=two_gigabytes)
    failure = directory.read().failure
    assert failure is not None, stderr
    assert (status, failure.kind) == (1, FailureKind.OUT_OF_MEMORY), stderr
    assert directory.read().state is State.FAILED


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_interrupts_a_run(
    tmp_path: Path, tiny_model: Path, copa: Path, asked: signal.Signals
) -> None:
    directory = make_run(tmp_path, tiny_model, "copa", "zo", copa, **LONG)
    process = start(directory)
    wait_for_steps(directory)
    process.send_signal(asked)
    _, stderr = process.communicate(timeout=60)
    record = directory.read()
    assert (process.returncode, record.state) == (130, State.INTERRUPTED), stderr
    assert record.result is None
    assert record.failure is None
    assert record.finished is not None


def test_an_unknown_model_is_named(tmp_path: Path, copa: Path) -> None:
    name = "nobody/has-this-model"
    directory = make_run(tmp_path, name, "copa", "zo", copa)
    status, stderr = execute(directory)
    failure = directory.read().failure
    assert failure is not None
    assert (status, failure.kind) == (1, FailureKind.ERROR)
    assert failure.message.startswith(f"model '{name}': ")
    assert "Traceback" not in stderr


def test_an_unexpected_error_keeps_its_traceback(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    directory = make_run(tmp_path, tiny_model, "copa", "zo", copa)
    (directory.path / "trajectory.jsonl").mkdir()
    status, stderr = execute(directory)
    failure = directory.read().failure
    assert failure is not None
    assert (status, failure.kind) == (1, FailureKind.ERROR)
    assert failure.message.startswith("IsADirectoryError: ")
    assert "Traceback" in stderr


def test_without_torch_the_run_says_how_to_install_it(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    directory = make_run(tmp_path, tiny_model, "copa", "zo", copa)
    without = f"import sys; sys.modules['torch'] = None; sys.argv = {command(directory)[2:]!r}; "
    script = without + "import runpy; runpy.run_module('penstock.training', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    failure = directory.read().failure
    assert failure is not None
    assert (done.returncode, failure.kind) == (1, FailureKind.ERROR)
    assert failure.message == "training needs 'torch': pip install 'penstock[train]'"


def test_methods_and_hyperparameters_are_read_without_torch() -> None:
    script = (
        "import sys\n"
        "from penstock.training import METHODS, Hyperparameters\n"
        "for name in METHODS.names():\n"
        "    assert issubclass(METHODS.get(name).Hyperparameters, Hyperparameters)\n"
        "print(*METHODS.names(), *{'torch', 'transformers', 'peft'} & sys.modules.keys())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["fo_full", "fo_lora", "zo"], done.stderr
