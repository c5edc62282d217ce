"""A process runs to its end: its logs contain no secret, and none of its children survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers.processes import lock_is_free, wait_for
from penstock.executors import ProcessOutcome, _process, run_process

#: Locks the file LOCK while it runs, and creates LOCK.held when it has the lock.
HOLD_LOCK = """
import fcntl, os, sys, time
lock = open(os.environ["LOCK"], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
open(os.environ["LOCK"] + ".held", "w").close()
"""


def run(
    tmp_path: Path,
    command: list[str],
    environment: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
    timeout: float | None = None,
) -> ProcessOutcome:
    """Run a command with its logs in `tmp_path`."""
    return run_process(
        command,
        environment=environment or {},
        out=tmp_path / "out",
        err=tmp_path / "err",
        stop=stop or threading.Event(),
        timeout=timeout,
    )


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def test_output_is_appended_to_the_logs(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("before\n")
    outcome = run(tmp_path, shell("echo one; echo two >&2; printf 'caf\\351 '; printf end"))
    assert outcome == ProcessOutcome(0)
    assert (tmp_path / "out").read_text() == "before\none\ncaf� end"
    assert (tmp_path / "err").read_text() == "two\n"


def test_lines_can_be_changed_before_they_are_written(tmp_path: Path) -> None:
    outcome = run_process(
        shell("echo one; echo two; echo three >&2"),
        environment={},
        out=tmp_path / "out",
        err=tmp_path / "err",
        stop=threading.Event(),
        edit=lambda stream, line: "" if line == "two\n" else f"{stream} {line}",
    )
    assert outcome == ProcessOutcome(0)
    assert (tmp_path / "out").read_text() == "out one\n"
    assert (tmp_path / "err").read_text() == "err three\n"


def test_much_output_on_both_streams_does_not_deadlock(tmp_path: Path) -> None:
    script = "import sys\nfor n in range(20000): print('o' * 50); print('e' * 50, file=sys.stderr)"
    assert run(tmp_path, [sys.executable, "-c", script]).status == 0
    assert (tmp_path / "out").stat().st_size == (tmp_path / "err").stat().st_size == 51 * 20000


def test_secrets_do_not_reach_the_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "correct-horse-battery")
    key = "hf_" + "aB3" * 10
    script = 'echo "a $LAB_TOKEN b"; echo "[$OWN_PASSWORD]" >&2; echo "api_key=xyz $KEY"'
    run(tmp_path, shell(script), {"OWN_PASSWORD": "staple in hand", "KEY": key})
    assert (tmp_path / "out").read_text() == ("a [redacted] b\napi_key=[redacted] [redacted]\n")
    assert (tmp_path / "err").read_text() == "[[redacted]]\n"


def test_the_environment_of_a_run_overrides_that_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE", "caller")
    monkeypatch.setenv("TWO", "caller")
    run(tmp_path, shell('echo "$ONE $TWO"'), {"TWO": "run"})
    assert (tmp_path / "out").read_text() == "caller run\n"


def test_a_process_has_its_own_session_and_an_empty_stdin(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getsid(0) == os.getpid(), repr(sys.stdin.read()))"
    run(tmp_path, [sys.executable, "-c", script])
    assert (tmp_path / "out").read_text() == "True ''\n"


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 3", 3), ("kill -SEGV $$", -signal.SIGSEGV), ("kill -9 $$", -9)],
)
def test_the_status_is_that_of_the_process_or_minus_its_signal(
    tmp_path: Path, script: str, status: int
) -> None:
    assert run(tmp_path, shell(script)) == ProcessOutcome(status)


def test_a_process_is_ended_at_its_timeout(tmp_path: Path) -> None:
    outcome = run(tmp_path, shell("echo begun; exec sleep 600"), timeout=0.3)
    assert outcome == ProcessOutcome(-signal.SIGTERM, timed_out=True)
    assert (tmp_path / "out").read_text() == "begun\n"


def test_a_process_is_ended_when_stop_is_set(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    outcome = run(tmp_path, shell("exec sleep 600"), stop=stop)
    assert outcome == ProcessOutcome(-signal.SIGTERM, stopped=True)


def test_a_process_may_handle_sigterm(tmp_path: Path) -> None:
    stop = threading.Event()
    script = "trap 'echo saved; exit 130' TERM; touch ready; while :; do sleep 0.05; done"
    waiter = threading.Thread(target=lambda: (wait_for((tmp_path / "ready").exists), stop.set()))
    waiter.start()
    outcome = run(tmp_path, shell(f"cd '{tmp_path}'; {script}"), stop=stop)
    waiter.join()
    assert outcome == ProcessOutcome(130, stopped=True)
    assert (tmp_path / "out").read_text() == "saved\n"


def test_a_process_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_process, "_GRACE_SECONDS", 0.2)
    stop = threading.Event()
    script = "trap '' TERM; touch ready; while :; do sleep 0.05; done"
    waiter = threading.Thread(target=lambda: (wait_for((tmp_path / "ready").exists), stop.set()))
    waiter.start()
    outcome = run(tmp_path, shell(f"cd '{tmp_path}'; {script}"), stop=stop)
    waiter.join()
    assert outcome == ProcessOutcome(-signal.SIGKILL, stopped=True)


@pytest.mark.parametrize("end", ["by itself", "stopped"])
def test_children_of_a_process_end_with_it(tmp_path: Path, end: str) -> None:
    """A surviving child would also keep the pipes open and the caller waiting."""
    lock = tmp_path / "lock"
    script = f"{sys.executable} -c '{HOLD_LOCK}\ntime.sleep(600)' & "
    script += "while [ ! -e $LOCK.held ]; do sleep 0.02; done; "
    stop = threading.Event()
    if end == "stopped":
        script += "sleep 600"
        held = Path(f"{lock}.held")
        threading.Thread(target=lambda: (wait_for(held.exists), stop.set())).start()
    outcome = run(tmp_path, shell(script), {"LOCK": str(lock)}, stop)
    assert outcome.stopped is (end == "stopped")
    wait_for(lambda: lock_is_free(lock))


def test_a_process_and_its_children_end_when_the_caller_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    child = f"{sys.executable} -c '{HOLD_LOCK}\ntime.sleep(600)' & wait"
    caller = (
        "import sys, threading\nfrom pathlib import Path\n"
        "from penstock.executors import run_process\n"
        "out, err = map(Path, sys.argv[1:3])\n"
        "run_process(['/bin/sh', '-c', sys.argv[3]], environment={}, out=out, err=err,"
        " stop=threading.Event())\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", caller, tmp_path / "out", tmp_path / "err", child],
        env={**os.environ, "LOCK": str(lock)},
    )
    try:
        wait_for(Path(f"{lock}.held").exists)
        assert not lock_is_free(lock)
    finally:
        running.kill()
        running.wait()
    wait_for(lambda: lock_is_free(lock))


def test_a_command_that_cannot_be_started_is_an_error_and_leaves_nothing_open(
    tmp_path: Path,
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileNotFoundError, match="no-such-command"):
        run(tmp_path, ["no-such-command"])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run(tmp_path / "nowhere", shell("exit 0"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
