"""The process of the stub trainer: it behaves as the run's hyperparameter `behaviour` says.

    stub_process.py RUN_DIRECTORY

It uses only the standard library, so that it starts in a few hundredths of a second. It writes its
CUDA_VISIBLE_DEVICES to `seen/{seed}-{pid}` in the working directory.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: How long a process waits before it gives up.
TIMEOUT_SECONDS = 60.0


def main(directory: Path) -> int:
    """Execute the run of a directory; return the exit status."""
    record = json.loads((directory / "run.json").read_text())
    values = record["config"]["hyperparameters"]
    seen = Path("seen")
    seen.mkdir(exist_ok=True)
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "unset")
    (seen / f"{values['seed']}-{os.getpid()}").write_text(device)
    return BEHAVIOURS[values["behaviour"]](directory, record)


def done(directory: Path, record: dict[str, Any]) -> int:
    """Write a result."""
    record["state"] = "done"
    score = {"metric": "accuracy", "score": 0.75, "scores": {"accuracy": 0.75}}
    counts = {"best_step": 0, "steps": 0, "train_rows": 1, "dev_rows": 1, "evaluation_rows": 1}
    record["result"] = {**score, **counts, "chance": 0.5, "dev_score": 0.5}
    write(directory, record)
    return 0


def fail(directory: Path, record: dict[str, Any]) -> int:
    """End with status 1 and messages on stderr."""
    print("the first word\nit broke", file=sys.stderr)
    return 1


def fail_until_fixed(directory: Path, record: dict[str, Any]) -> int:
    """Fail until there is a file `fixed`."""
    return (done if Path("fixed").exists() else fail)(directory, record)


def end_without_result(directory: Path, record: dict[str, Any]) -> int:
    """End with status 0 without a result."""
    return 0


def kill_itself(directory: Path, record: dict[str, Any]) -> int:
    """End as if the kernel killed the process because memory ran out."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def not_finite(directory: Path, record: dict[str, Any]) -> int:
    """Report a NaN loss."""
    record["state"] = "failed"
    record["failure"] = {"kind": "nan", "message": "loss is nan at step 3"}
    write(directory, record)
    return 1


def wait(directory: Path, record: dict[str, Any]) -> int:
    """Wait for a file `go`."""
    until(Path("go").exists)
    return done(directory, record)


def wait_and_fail(directory: Path, record: dict[str, Any]) -> int:
    """Wait for a file `go`, and fail."""
    until(Path("go").exists)
    return fail(directory, record)


def done_and_wait(directory: Path, record: dict[str, Any]) -> int:
    """Write a result and wait for a file `go` before the end."""
    done(directory, record)
    until(Path("go").exists)
    return 0


def wait_with_a_child(directory: Path, record: dict[str, Any]) -> int:
    """Wait for a file `go`, with a child that outlives SIGTERM."""
    with subprocess.Popen(["sh", "-c", "trap '' TERM; echo $$ >seen/child; sleep 600"]) as child:
        until(Path("go").exists)
        child.kill()
    return done(directory, record)


def ignore_sigterm(directory: Path, record: dict[str, Any]) -> int:
    """Wait for a file `go`, without reacting to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return wait(directory, record)


def overlap(directory: Path, record: dict[str, Any]) -> int:
    """Wait until two processes run at once; create a file `crowded` if three do."""
    running = Path("running")
    running.mkdir(exist_ok=True)
    mine = running / str(os.getpid())
    mine.touch()

    def met() -> bool:
        count = len(list(running.iterdir()))
        if count == 2:
            Path("met").touch()
        if count > 2:
            Path("crowded").touch()
        return Path("met").exists()

    until(met)
    time.sleep(0.1)
    met()
    mine.unlink()
    return done(directory, record)


def exclusive(directory: Path, record: dict[str, Any]) -> int:
    """Fail if another process runs at the same time."""
    os.close(os.open("exclusive", os.O_CREAT | os.O_EXCL))
    time.sleep(0.1)
    Path("exclusive").unlink()
    return done(directory, record)


def print_secrets(directory: Path, record: dict[str, Any]) -> int:
    """Print the environment, and end with an exception that contains its secrets."""
    for name, value in os.environ.items():
        print(f"{name}={value}")
        print("the value is", value, file=sys.stderr)
    (directory / "metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n')
    secrets = [os.environ[name] for name in os.environ["SECRET_NAMES"].split()]
    raise RuntimeError(f"could not log in with {' '.join(secrets)}")


BEHAVIOURS: dict[str, Callable[[Path, dict[str, Any]], int]] = {
    function.__name__: function
    for function in (
        done,
        fail,
        fail_until_fixed,
        end_without_result,
        kill_itself,
        not_finite,
        wait,
        wait_and_fail,
        done_and_wait,
        wait_with_a_child,
        ignore_sigterm,
        overlap,
        exclusive,
        print_secrets,
    )
}


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited in vain")
        time.sleep(0.01)


def write(directory: Path, record: dict[str, Any]) -> None:
    """Replace `run.json`."""
    staging = directory / ".run.json.stub"
    staging.write_text(json.dumps(record))
    staging.replace(directory / "run.json")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
