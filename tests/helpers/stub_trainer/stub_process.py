"""The process of the stub: it behaves as its run's hyperparameter `behaviour` says.

    stub_process.py RUN_DIRECTORY

It reads and writes `run.json` with the standard library alone, so that it starts in a few
hundredths of a second. In the working directory it leaves `seen/{seed}-{pid}`, which holds the
device it was given.
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

#: A process that waits for something that does not come gives up after so many seconds.
PATIENCE = 60.0


def main(directory: Path) -> int:
    """Carry the run of a directory; return the exit status."""
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
    """End with status 1 and a last word."""
    print("the first word\nit broke", file=sys.stderr)
    return 1


def fail_until_mended(directory: Path, record: dict[str, Any]) -> int:
    """Fail as long as there is no file `mended`."""
    return (done if Path("mended").exists() else fail)(directory, record)


def say_nothing(directory: Path, record: dict[str, Any]) -> int:
    """End well without a result."""
    return 0


def kill_itself(directory: Path, record: dict[str, Any]) -> int:
    """End as the kernel ends a process when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def not_finite(directory: Path, record: dict[str, Any]) -> int:
    """Report a loss that is no number."""
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
    """Wait for a file `go`, whatever is asked."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return wait(directory, record)


def overlap(directory: Path, record: dict[str, Any]) -> int:
    """Wait until two processes have been here at once; leave a file `crowded` where three are."""
    here = Path("here")
    here.mkdir(exist_ok=True)
    mine = here / str(os.getpid())
    mine.touch()

    def met() -> bool:
        count = len(list(here.iterdir()))
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


def alone(directory: Path, record: dict[str, Any]) -> int:
    """Fail where another process is here."""
    os.close(os.open("alone", os.O_CREAT | os.O_EXCL))
    time.sleep(0.1)
    Path("alone").unlink()
    return done(directory, record)


def tell_secrets(directory: Path, record: dict[str, Any]) -> int:
    """Print the whole environment, and end with an exception that holds it."""
    for name, value in os.environ.items():
        print(f"{name}={value}")
        print("the value is", value, file=sys.stderr)
    (directory / "metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n')
    secrets = " ".join(v for name, v in os.environ.items() if name in os.environ["TOLD"].split())
    raise RuntimeError(f"could not log in with {secrets}")


BEHAVIOURS: dict[str, Callable[[Path, dict[str, Any]], int]] = {
    function.__name__: function
    for function in (
        done,
        fail,
        fail_until_mended,
        say_nothing,
        kill_itself,
        not_finite,
        wait,
        wait_and_fail,
        done_and_wait,
        wait_with_a_child,
        ignore_sigterm,
        overlap,
        alone,
        tell_secrets,
    )
}


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            sys.exit("it did not come")
        time.sleep(0.01)


def write(directory: Path, record: dict[str, Any]) -> None:
    """Replace `run.json`."""
    staging = directory / ".run.json.stub"
    staging.write_text(json.dumps(record))
    staging.replace(directory / "run.json")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
