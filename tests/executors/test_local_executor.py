"""Forked workers run each item once, raise errors unchanged, and leave no process behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from helpers.processes import wait_for
from penstock.errors import ConfigError, DataError, MissingExtraError
from penstock.executors import LocalExecutor, WorkerError


def run_all(function: Callable[[Any], Any], items: Any, workers: int = 2) -> list[tuple[Any, Any]]:
    return list(LocalExecutor(workers=workers).map(function, items))


def is_gone(process: int) -> bool:
    """Return True if no process has this id, not even a zombie."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def raises(error: Exception) -> Callable[[Any], Any]:
    def function(item: Any) -> Any:
        raise error

    return function


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_item_runs_once(workers: int) -> None:
    results = run_all(lambda item: item * item, range(2000), workers)
    assert sorted(results) == [(item, item * item) for item in range(2000)]


def test_without_items_nothing_runs() -> None:
    assert run_all(raises(AssertionError()), []) == []


def test_nothing_starts_before_the_first_result_is_requested(tmp_path: Path) -> None:
    LocalExecutor(workers=2).map(lambda item: (tmp_path / item).touch(), ["a", "b"])
    time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def test_an_executor_can_be_used_twice() -> None:
    executor = LocalExecutor(workers=2)
    for _ in range(3):
        assert sorted(executor.map(str, [1, 2])) == [(1, "1"), (2, "2")]


def test_one_worker_or_one_item_runs_in_this_process() -> None:
    assert {process for _, process in run_all(lambda _: os.getpid(), range(5), 1)} == {os.getpid()}
    assert run_all(lambda _: os.getpid(), ["only"]) == [("only", os.getpid())]


def test_one_worker_runs_the_items_in_order() -> None:
    assert [item for item, _ in run_all(lambda item: None, range(20), 1)] == list(range(20))


def test_two_workers_run_two_items_at_the_same_time(tmp_path: Path) -> None:
    def meet(item: int) -> int:
        (tmp_path / str(item)).touch()
        wait_for((tmp_path / str(1 - item)).exists)
        return os.getpid()

    processes = {process for _, process in run_all(meet, [0, 1])}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert all(is_gone(process) for process in processes)


def test_workers_share_the_memory_of_the_caller_and_need_no_pickle() -> None:
    lock = threading.Lock()  # cannot be pickled
    items = [lambda: "first", lambda: "second"]
    results = run_all(lambda item: (item(), type(lock).__name__), items)
    assert {result for _, (result, _) in results} == {"first", "second"}
    assert {item for item, _ in results} == set(items)


def test_workers_use_one_thread() -> None:
    names = ("TOKENIZERS_PARALLELISM", "OMP_NUM_THREADS")
    (_, first), *_ = run_all(lambda _: [os.environ[name] for name in names], [0, 1])
    assert first == ["false", "1"]


def test_results_are_yielded_as_they_end(tmp_path: Path) -> None:
    def function(item: str) -> None:
        if item == "slow":
            wait_for((tmp_path / "fast has come").exists)

    results = LocalExecutor(workers=2).map(function, ["slow", "fast"])
    assert next(results)[0] == "fast"
    (tmp_path / "fast has come").touch()
    assert next(results)[0] == "slow"


def test_workers_continue_while_the_caller_is_busy(tmp_path: Path) -> None:
    results = LocalExecutor(workers=2).map(lambda item: (tmp_path / item).touch(), list("abcd"))
    with closing(results):
        next(results)
        wait_for(lambda: len(list(tmp_path.iterdir())) == 4)


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("bad", file="a.yaml", line=2, column=4, field="x", source="a: b"),
        DataError("is null", file=Path("a.jsonl"), line=7),
        MissingExtraError("submitit", "slurm", "the executor slurm"),
        KeyError("missing"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_raised_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        run_all(raises(error), [0, 1])
    assert str(caught.value) == str(error)
    fields = {name: value for name, value in vars(caught.value).items() if name != "__notes__"}
    assert fields == vars(error)


def test_the_traceback_of_a_bug_shows_the_line_in_the_worker() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_all(lambda item: 1 // item, [0, 0])
    assert "1 // item" in "".join(traceback.format_exception(caught.value))
    assert str(caught.value) == "integer division or modulo by zero"


def test_an_error_that_cannot_be_pickled_keeps_its_message() -> None:
    class TwoWordsError(Exception):
        def __init__(self, first: str, second: str) -> None:
            super().__init__(f"{first} {second}")

    with pytest.raises(WorkerError, match=r"^TwoWordsError: out of ink$"):
        run_all(raises(TwoWordsError("out of", "ink")), [0, 1])


def test_a_result_that_cannot_be_pickled_is_an_error() -> None:
    with pytest.raises(Exception, match=r"pickle.*lock"):
        run_all(lambda item: threading.Lock(), [0, 1])


@pytest.mark.parametrize("round_", range(5))
def test_of_two_failures_that_of_the_earlier_item_is_raised(tmp_path: Path, round_: int) -> None:
    def function(item: int) -> None:
        if item == 3:
            wait_for((tmp_path / "4").exists)
            time.sleep(0.02)
        if item >= 3:
            (tmp_path / str(item)).touch()
            raise DataError("bad", file="rows", line=item)

    with pytest.raises(DataError) as caught:
        run_all(function, range(50))
    assert caught.value.line == 3
    assert len(list(tmp_path.iterdir())) < 10


def test_an_error_ends_the_other_workers(tmp_path: Path) -> None:
    def function(item: str) -> None:
        (tmp_path / f"{item}.begun").write_text(str(os.getpid()))
        if item == "fails":
            wait_for((tmp_path / "runs.begun").exists)
            raise DataError("bad", file="rows")
        try:
            time.sleep(600)
        finally:
            (tmp_path / f"{item}.cleaned").touch()

    with pytest.raises(DataError):
        run_all(function, ["fails", "runs", "c", "d", "e", "f"])
    assert (tmp_path / "runs.cleaned").exists()
    assert not (tmp_path / "f.begun").exists()
    assert all(is_gone(int(path.read_text())) for path in tmp_path.glob("*.begun"))


def test_a_killed_worker_is_reported_with_its_item_and_ends_the_others(tmp_path: Path) -> None:
    def function(item: str) -> None:
        (tmp_path / str(os.getpid())).touch()
        if item == "books.jsonl":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600 if item == "last" else 0)

    with pytest.raises(WorkerError) as caught:
        run_all(function, ["first", "books.jsonl", "last"])
    assert "was killed by signal 9 at books.jsonl" in str(caught.value)
    assert "use fewer workers than 2" in str(caught.value)
    assert all(is_gone(int(path.name)) for path in tmp_path.iterdir())


def test_a_worker_that_exits_is_an_error() -> None:
    with pytest.raises(WorkerError, match="ended with status 3 at 1"):
        run_all(lambda item: sys.exit(3) if item == 1 else None, range(4))


def test_a_worker_killed_between_two_items_is_an_error(tmp_path: Path) -> None:
    def function(item: int) -> None:
        (tmp_path / str(os.getpid())).touch()
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
        if item == 0:
            idle = next(p for p in tmp_path.iterdir() if p.name != str(os.getpid()))
            time.sleep(0.1)
            os.kill(int(idle.name), signal.SIGKILL)
            time.sleep(600)

    with pytest.raises(WorkerError, match="signal 9 between two items"):
        run_all(function, [0, 1])


def test_closing_the_iterator_ends_the_workers(tmp_path: Path) -> None:
    def function(item: int) -> int:
        if item > 1:
            (tmp_path / str(os.getpid())).touch()
            time.sleep(600)
        return os.getpid()

    with closing(LocalExecutor(workers=2).map(function, range(9))) as results:
        processes = {next(results)[1], next(results)[1]}
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    assert all(is_gone(process) for process in processes)


def test_all_file_descriptors_are_closed() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    run_all(str, range(5), 3)
    with pytest.raises(DataError):
        run_all(raises(DataError("bad", file="rows")), range(5), 3)
    # Fewer where the collector closed files of an earlier test meanwhile.
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_workers_have_their_own_output_streams(capfd: pytest.CaptureFixture[str]) -> None:
    """A progress display of the caller may have its streams locked during the fork."""
    streams = sys.stdout, sys.stderr

    def function(item: int) -> bool:
        print(f"item {item}")
        return sys.stdout in streams or sys.stderr in streams

    assert sorted(run_all(function, [1, 2])) == [(1, False), (2, False)]
    assert sorted(capfd.readouterr().out.splitlines()) == ["item 1", "item 2"]
