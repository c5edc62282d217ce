"""Items run on a real Ray of this machine, and errors are raised unchanged."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock.executors import WorkerError, executor

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

PATIENCE = 60


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    """Make this module importable in the workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        yield


@pytest.fixture(scope="module")
def cluster(importable: None) -> Iterator[None]:
    """A Ray that was started before the executor."""
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    yield
    ray.shutdown()


def square(item: int) -> int:
    return item * item


def process_and_environment(item: int) -> tuple[int, list[str]]:
    return os.getpid(), [os.environ[name] for name in ("TOKENIZERS_PARALLELISM", "OMP_NUM_THREADS")]


def refuse(item: int) -> int:
    if item == 2:
        time.sleep(0.3)
    if item >= 2:
        raise ConfigError("bad", file="a.yaml", line=item, column=4, field="x", source="a: b")
    return item


def die(item: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stay(home: Path) -> None:
    if not (home / "first").exists():
        (home / "first").touch()
        return
    (home / str(os.getpid())).touch()
    time.sleep(600)


@pytest.mark.usefixtures("cluster")
class TestWithinAClusterThatIsThere:
    def test_every_item_runs_once(self) -> None:
        results = list(executor("ray").map(square, range(50)))
        assert sorted(results) == [(item, item * item) for item in range(50)]
        assert ray.is_initialized()

    def test_without_items_nothing_runs(self) -> None:
        assert list(executor("ray").map(square, [])) == []

    def test_workers_are_other_processes_with_one_thread(self) -> None:
        results = [result for _, result in executor("ray", 2).map(process_and_environment, [1, 2])]
        assert os.getpid() not in {process for process, _ in results}
        assert [environment for _, environment in results] == [["false", "1"]] * 2

    def test_of_two_failures_that_of_the_earlier_item_is_raised_unchanged(self) -> None:
        results = executor("ray", 2).map(refuse, range(20))
        assert sorted([next(results), next(results)]) == [(0, 0), (1, 1)]
        with pytest.raises(ConfigError) as caught:
            next(results)
        assert str(caught.value) == "a.yaml:2:4: x: bad\n    a: b\n       ^"
        assert caught.value.line == 2

    def test_a_killed_worker_is_reported_with_its_item(self) -> None:
        with pytest.raises(WorkerError, match=r"the Ray worker of books\.jsonl died; if memory"):
            list(executor("ray", 2).map(die, ["books.jsonl"]))

    def test_closing_the_iterator_ends_the_workers(self, tmp_path: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        with closing(executor("ray", 1).map(stay, [tmp_path] * 9)) as results:
            next(results)
            while len(processes := [p for p in tmp_path.iterdir() if p.name.isdigit()]) < 1:
                assert time.monotonic() < deadline, "waited in vain"
                time.sleep(0.02)
        while Path("/proc", processes[0].name).exists():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)
        assert len(list(tmp_path.iterdir())) == 2


def test_a_ray_that_map_started_is_shut_down_at_the_end() -> None:
    ray.shutdown()
    with closing(executor("ray", 1).map(square, [3, 4])) as results:
        assert next(results) == (3, 9)
        assert ray.cluster_resources()["CPU"] == 1
    assert not ray.is_initialized()


def test_a_failed_import_in_a_worker_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    ray.shutdown()
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(WorkerError, match=r"Message of Ray: .*No module named 'test_ray_executor'"):
        list(executor("ray", 1).map(square, [3]))


def test_a_missing_cluster_is_an_error() -> None:
    ray.shutdown()
    with pytest.raises(ConfigError, match="cannot connect to Ray"):
        list(executor("ray", 1, {"address": "auto"}).map(square, [3]))
