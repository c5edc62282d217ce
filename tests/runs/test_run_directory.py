"""The files of a run's directory: record, lock, metrics, logs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.run_records import a_config, a_record
from penstock.errors import DataError
from penstock.manifest import FileEntry, Manifest
from penstock.runs import (
    DatasetUse,
    Failure,
    FailureKind,
    ModelUse,
    RunDirectory,
    RunResult,
    State,
    find_runs,
)

HOLDER = """
import sys, time
from pathlib import Path
from penstock.runs import RunDirectory
with RunDirectory(Path(sys.argv[1])).lock:
    print("locked", flush=True)
    time.sleep(600)
"""


def write_run(path: Path, **changes: object) -> RunDirectory:
    path.mkdir(parents=True)
    directory = RunDirectory(path)
    directory.write(a_record(**changes))
    return directory


def test_runs_that_start_in_the_same_second_have_different_directories(tmp_path: Path) -> None:
    together = threading.Barrier(16)

    def create(number: int) -> Path:
        together.wait(60)
        return RunDirectory.create(tmp_path, a_config()).path

    with ThreadPoolExecutor(16) as pool:
        paths = list(pool.map(create, range(16)))
    assert len(set(paths)) == 16
    parents = {path.parent.relative_to(tmp_path).as_posix() for path in paths}
    assert parents == {"baseline/org/name-135M/Copa_zo_original_1e-6"}
    assert all(path.is_dir() for path in paths)


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest(
        format="task_jsonl",
        task="copa",
        counts={"copa_train.jsonl": 400},
        files=[FileEntry(path="copa_train.jsonl", size=9, sha256="sha256:" + "0a" * 32, rows=400)],
        recipe={"kind": "as found", "path": "/data/Copa"},
        inputs=[],
    )
    record = a_record(
        state=State.DONE,
        finished="2024-01-31T12:00:09+00:00",
        environment={"python": "3.11.7", "CUDA_VISIBLE_DEVICES": ""},
        git={"commit": "1f3b05e8a2c94d7f6b0e1d2c3b4a5968778695a4", "dirty": False},
        model=ModelUse(name="org/name-135M", sha256="sha256:" + "0b" * 32),
        datasets=[DatasetUse(role="path", path="/data/Copa", manifest=manifest)],
        result=RunResult(
            metric="accuracy",
            score=0.6,
            scores={"accuracy": 0.6},
            chance=0.55,
            dev_score=0.61,
            best_step=500,
            steps=1000,
            train_rows=300,
            dev_rows=100,
            evaluation_rows=100,
            first_loss=0.7,
            tokens=123456,
        ),
        failure=Failure(kind=FailureKind.TIME_OUT, message="too long", status=-15),
    )
    directory = RunDirectory(tmp_path)
    directory.write(record)
    assert directory.read() == record
    assert directory.current() == record


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file; this is not a run"),
        (b"", "not a run record ("),
        (b'{"identity": "01', "not a run record ("),
        (b"[]", "not a run record (1 validation error for RunRecord)"),
        (b'{"state": "paused"}', "not a run record ("),
    ],
)
def test_an_invalid_record_is_refused_with_its_file(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        RunDirectory(tmp_path).read()
    assert str(caught.value).startswith(f"{tmp_path / 'run.json'}: {words}")


def test_a_run_whose_process_was_killed_is_a_killed_run(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "run")
    carrier = subprocess.Popen(
        [sys.executable, "-c", HOLDER, directory.path], stdout=subprocess.PIPE, text=True
    )
    try:
        assert carrier.stdout is not None
        assert carrier.stdout.readline() == "locked\n"
        assert directory.is_locked()
        assert directory.current().state is State.RUNNING
    finally:
        carrier.kill()
        carrier.communicate()
    assert not directory.is_locked()
    record = directory.current()
    assert record.state is State.FAILED
    assert record.failure == Failure(
        kind=FailureKind.KILLED, message="the process that executed the run is gone"
    )
    assert directory.read().state is State.RUNNING


@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.INTERRUPTED])
def test_an_ended_run_needs_no_process(tmp_path: Path, state: State) -> None:
    assert write_run(tmp_path / "run", state=state).current().state is state


def test_a_running_run_without_a_process_is_a_killed_run(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "run")
    assert not directory.is_locked()
    assert directory.current().state is State.FAILED
    assert not (directory.path / "run.lock").exists()


def test_concurrent_checks_of_the_lock_do_not_see_each_other(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    with directory.lock:
        assert directory.is_locked()
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(lambda _: RunDirectory(tmp_path).is_locked(), range(2000)))


METRICS = st.lists(
    st.dictionaries(
        st.text("abc_", max_size=4),
        st.none() | st.integers(0, 9) | st.floats(allow_nan=False, allow_infinity=False),
        max_size=3,
    ),
    max_size=4,
)


@given(METRICS, st.binary(max_size=6).filter(lambda torn: b"\n" not in torn))
def test_metrics_are_read_without_an_unfinished_last_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, object]], torn: bytes
) -> None:
    directory = RunDirectory(tmp_path_factory.mktemp("run", numbered=True))
    for line in lines:
        directory.append_metrics(line)
    with directory.metrics_file.open("ab") as stream:
        stream.write(torn)
    assert directory.metrics() == lines


def test_without_a_file_there_are_no_metrics(tmp_path: Path) -> None:
    assert RunDirectory(tmp_path).metrics() == []


def test_an_invalid_line_of_metrics_is_reported(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.append_metrics({"step": 1})
    with directory.metrics_file.open("a") as stream:
        stream.write('{"step": \n{"step": 3}\n')
    with pytest.raises(DataError, match=r"metrics\.jsonl:2: not JSON"):
        directory.metrics()


def test_no_secret_reaches_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "correct-horse-battery")
    key = "hf_" + "aB3" * 10
    directory = RunDirectory(tmp_path)
    directory.write(
        a_record(
            state=State.FAILED,
            config=a_config(
                description=f"with {key}",
                hyperparameters={
                    "learning_rate": 1e-6,
                    "hub_token": "Zx9mQ4rT",
                    "eos_token": "</s>",
                },
            ),
            command=["python", "--api-key", "Zx9mQ4rT7bLw", "--password=Zx9mQ4rT", "--steps", "10"],
            environment={"python": "3.11.7", "API_KEY": "Zx9mQ4rT"},
            git={"remote": "https://me:Zx9mQ4rT@host/name.git"},
            failure=Failure(kind=FailureKind.ERROR, message="refused correct-horse-battery"),
        )
    )
    text = directory.record_file.read_text()
    for secret in ("correct-horse-battery", key, "Zx9mQ4rT"):
        assert secret not in text
    record = directory.read()
    assert record.command[1:4] == ["--api-key", "[redacted]", "--password=[redacted]"]
    assert record.command[4:] == ["--steps", "10"]
    assert record.config.hyperparameters["eos_token"] == "</s>"
    assert json.loads(text)["git"] == {"remote": "https://[redacted]@host/name.git"}


def test_every_run_below_a_directory_is_found_in_order(tmp_path: Path) -> None:
    names = [
        "baseline/gpt2/Copa_zo_original_1e-6/20240131_120000",
        "baseline/gpt2/Copa_zo_original_1e-6/20240131_120000_2",
        "baseline/org/name-135M/CB_fo_lora_both_1e-5/20240131_120000",
        "other/gpt2/Copa_zo_original_1e-6/20240131_120000",
    ]
    for name in reversed(names):
        write_run(tmp_path / name)
    unfinished = tmp_path / "baseline/gpt2/Copa_zo_original_1e-6/20240131_120001"
    unfinished.mkdir()
    (unfinished / ".run.json.partial").write_text("{")
    found = [run.path.relative_to(tmp_path).as_posix() for run in find_runs(tmp_path)]
    assert found == names
    assert [run.path.parent.name for run in find_runs(tmp_path, "other")] == [
        "Copa_zo_original_1e-6"
    ]
    assert list(find_runs(tmp_path, "none")) == []
    assert list(find_runs(tmp_path / "none")) == []


def test_a_run_of_a_model_with_a_slash_is_found(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, a_config(model="org/name-135M"))
    directory.write(a_record())
    assert directory.path.parts[-4:-2] == ("org", "name-135M")
    assert [run.path for run in find_runs(tmp_path, "baseline")] == [directory.path]


def test_logs_have_the_rate_in_their_names(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    config = a_config(hyperparameters={"learning_rate": 5e-5})
    assert directory.log_file(config, "out") == tmp_path / "5e-5_train.out"
    assert directory.log_file(config, "err") == tmp_path / "5e-5_train.err"
