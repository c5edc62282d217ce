"""Items run through submitit: on this machine, and on an imitation of a one-node Slurm."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.processes import wait_for
from penstock.errors import ConfigError
from penstock.executors import Executor, WorkerError, executor

pytest.importorskip("submitit")

#: An imitation of a one-node Slurm: each task of an array is a background process.
COMMANDS = {
    "sbatch": r"""
        cp "$1" "$SLURM_HOME/script"
        last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\)%.*/\1/p' "$1")
        for task in $(seq 0 "${last:-0}"); do
            (
                export SLURM_JOB_ID=$((77 + task)) SLURM_ARRAY_JOB_ID=77 SLURM_ARRAY_TASK_ID=$task
                [ -n "$last" ] || unset SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID
                setsid bash "$SLURM_HOME/script" & echo $! > "$SLURM_HOME/$task.pid"
                wait $!
                echo $? > "$SLURM_HOME/$task.exit"
                rm "$SLURM_HOME/$task.pid"
            ) > /dev/null 2>&1 &
        done
        echo "Submitted batch job 77"
    """,
    "srun": 'shift 5; exec "$@"',
    "sacct": r"""
        echo 'JobID|State|NodeList'
        for task in 0 1 2 3 4 5 6 7; do
            state=PENDING
            [ -e "$SLURM_HOME/$task.pid" ] && state=RUNNING
            code=$(cat "$SLURM_HOME/$task.exit" 2> /dev/null)
            [ "$code" = 0 ] && state=COMPLETED
            [ -n "$code" ] && [ "$code" != 0 ] && state=OUT_OF_MEMORY
            echo "77_$task|$state|one"
        done
    """,
    "scancel": r"""
        echo "$@" > "$SLURM_HOME/cancelled"
        for pid in $(cat "$SLURM_HOME"/*.pid); do kill -KILL -- "-$pid"; done
    """,
}


@dataclass(frozen=True)
class Work:
    """Squares a number; some numbers fail, die or hang."""

    home: Path

    def __call__(self, item: int) -> int:
        (self.home / f"{item}.begun").write_text(str(os.getpid()))
        if item == 13:
            raise ConfigError("bad", file="a.yaml", line=2, column=4, field="x", source="a: b")
        if item == 14:
            os.kill(os.getpid(), signal.SIGKILL)
        if item == 15:
            time.sleep(600)
        return item * item


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the commands of Slurm on the path; return the directory of their state."""
    home = tmp_path / "cluster"
    for name, script in COMMANDS.items():
        command = home / "bin" / name
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text(f"#!/bin/bash\n{script}\n")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this module and its helpers importable in the tasks."""
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (here, here.parent))))


def on(cluster: str, home: Path, workers: int = 2, **options: object) -> Executor:
    return executor(
        "slurm", workers, {"folder": home / "slurm", "cluster": cluster, "mem_gb": 1, **options}
    )


def begun(home: Path) -> set[str]:
    return {path.stem for path in home.glob("*.begun")}


@pytest.mark.parametrize("cluster", ["local", "slurm"])
def test_every_item_runs_once(tmp_path: Path, slurm: Path, cluster: str) -> None:
    results = list(on(cluster, tmp_path).map(Work(tmp_path), range(11)))
    assert sorted(results) == [(item, item * item) for item in range(11)]
    assert (slurm / "script").exists() == (cluster == "slurm")


def test_without_items_no_job_is_submitted(tmp_path: Path) -> None:
    assert list(on("slurm", tmp_path).map(Work(tmp_path), [])) == []
    assert not (tmp_path / "slurm").exists()


def test_one_item_is_a_job_without_an_array(tmp_path: Path, slurm: Path) -> None:
    assert list(on("slurm", tmp_path).map(Work(tmp_path), [3])) == [(3, 9)]
    assert "--array" not in (slurm / "script").read_text()


@dataclass(frozen=True)
class Meeting:
    """Ends when two items run at the same time."""

    home: Path

    def __call__(self, item: int) -> int:
        (self.home / f"{item}.met").write_text("")
        wait_for(lambda: len(list(self.home.glob("*.met"))) == 2)
        return os.getpid()


def test_a_task_with_several_cores_runs_that_many_items_at_a_time(tmp_path: Path) -> None:
    meeting = on("local", tmp_path, workers=1, cpus_per_task=2).map(Meeting(tmp_path), range(2))
    one, other = (process for _, process in meeting)
    assert one != other


@pytest.mark.parametrize("cluster", ["local", "slurm"])
def test_an_error_is_raised_unchanged_after_the_results_before_it(
    tmp_path: Path, slurm: Path, cluster: str
) -> None:
    results = on(cluster, tmp_path, workers=1, array_size=1).map(Work(tmp_path), [1, 2, 13, 3])
    assert [next(results), next(results)] == [(1, 1), (2, 4)]
    with pytest.raises(ConfigError) as caught:
        next(results)
    assert str(caught.value) == "a.yaml:2:4: x: bad\n    a: b\n       ^"
    assert "3" not in begun(tmp_path)


def test_an_error_cancels_the_array(tmp_path: Path, slurm: Path) -> None:
    with pytest.raises(ConfigError):
        list(on("slurm", tmp_path, array_size=2).map(Work(tmp_path), [13, 15]))
    assert (slurm / "cancelled").read_text() == "77\n"
    wait_for(lambda: list(slurm.glob("*.pid")) == [])


@pytest.mark.parametrize("cluster", ["local", "slurm"])
def test_closing_the_iterator_ends_the_tasks(tmp_path: Path, slurm: Path, cluster: str) -> None:
    results = on(cluster, tmp_path, array_size=2).map(Work(tmp_path), [1, 15])
    assert next(results) == (1, 1)
    wait_for(lambda: "15" in begun(tmp_path))
    results.close()
    process = Path("/proc", (tmp_path / "15.begun").read_text())
    wait_for(lambda: not process.exists())


@pytest.mark.slow
def test_a_killed_task_is_reported_with_its_item_and_its_log(tmp_path: Path, slurm: Path) -> None:
    with pytest.raises(WorkerError) as caught:
        list(on("slurm", tmp_path, array_size=2).map(Work(tmp_path), [14, 1]))
    assert str(caught.value).startswith("task 77_0 (OUT_OF_MEMORY) ended early, at or near 14")
    assert f"log: {tmp_path / 'slurm' / '77_0_0_log.err'}" in str(caught.value)
    assert "raise timeout_min or mem_gb" in str(caught.value)


def test_a_missing_cluster_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"Slurm is not available \('srun' is not found\); start"):
        list(on("slurm", tmp_path).map(Work(tmp_path), [1]))


def test_a_job_that_sbatch_refuses_is_an_error(tmp_path: Path, slurm: Path) -> None:
    (slurm / "bin" / "sbatch").write_text("#!/bin/sh\necho 'invalid partition: nigth' >&2\nexit 1")
    with pytest.raises(ConfigError, match=r"cannot be submitted: .*invalid partition: nigth"):
        list(on("slurm", tmp_path).map(Work(tmp_path), [1]))


def test_the_rendered_script_is_the_one_that_is_submitted(tmp_path: Path, slurm: Path) -> None:
    options = {
        "partition": "day",
        "account": "lab",
        "timeout_min": 30,
        "mem_gb": 1.5,
        "cpus_per_task": 2,
        "setup": ["module load python"],
        "parameters": {"qos": "high", "exclusive": True},
    }
    chosen = on("slurm", tmp_path, **options)
    rendered = chosen.render(range(11))  # type: ignore[attr-defined]
    list(chosen.map(Work(tmp_path), range(11)))
    assert rendered == (slurm / "script").read_text()
    lines = rendered.splitlines()
    for line in ("array=0-5%2", "partition=day", "account=lab", "time=30", "mem=1536MB"):
        assert f"#SBATCH --{line}" in lines
    for line in ("cpus-per-task=2", "job-name=penstock", "qos=high", "exclusive"):
        assert f"#SBATCH --{line}" in lines
    assert "module load python" in lines
    assert lines[-1].endswith(f"{sys.executable} -u -m submitit.core._submit {tmp_path / 'slurm'}")


def test_a_script_is_rendered_without_slurm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    rendered = on("slurm", tmp_path, workers=64).render(range(5000))  # type: ignore[attr-defined]
    assert "#SBATCH --array=0-249%64" in rendered
    assert list(tmp_path.iterdir()) == []


def test_an_array_has_at_most_array_size_tasks(tmp_path: Path) -> None:
    chosen = on("slurm", tmp_path, workers=1000, array_size=100)
    assert "#SBATCH --array=0-99%100" in chosen.render(range(5000))  # type: ignore[attr-defined]
