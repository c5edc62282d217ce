"""The files of a run's directory.

run.json                 the record: configuration, environment, data, state, result
metrics.jsonl            one object per line, appended during training
experiment_config.yaml   the configuration as an experiment file that can be run again
chat_template.jinja      the chat template, if the configuration has one
{rate}_train.out, .err   the output of the trainer
run.lock                 locked by the process that executes the run
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock
from pydantic import ValidationError

from penstock.errors import DataError
from penstock.files import sha256_of, write_atomic
from penstock.redaction import redact
from penstock.runs.record import Failure, FailureKind, RunConfig, RunRecord, State
from penstock.tasks import TASKS

RECORD_NAME = "run.json"


class RunDirectory:
    """Reads and writes the files of one run's directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_file = path / RECORD_NAME
        self.metrics_file = path / "metrics.jsonl"
        self.config_file = path / "experiment_config.yaml"
        self.template_file = path / "chat_template.jinja"
        self.lock = FileLock(path / "run.lock")

    @classmethod
    def create(cls, root: Path, config: RunConfig) -> RunDirectory:
        """Create a new directory for one attempt of a run, with the run's chat template in it.

        `root/purpose/model/Task_method_data_rate/timestamp`; runs that start in the same second
        get `timestamp`, `timestamp_2`, ...
        """
        parent = root / run_parent(config)
        parent.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now().strftime("%Y%m%d_%H%M%S")
        for number in count(1):
            path = parent / (stamp if number == 1 else f"{stamp}_{number}")
            with suppress(FileExistsError):
                path.mkdir()
                break
        directory = cls(path)
        if config.template_text is not None:
            write_atomic(directory.template_file, config.template_text)
        return directory

    def log_file(self, config: RunConfig, stream: str) -> Path:
        """Return the file with what the trainer printed to `out` or `err`."""
        return self.path / f"{config.rate_label}_train.{stream}"

    def write(self, record: RunRecord) -> None:
        """Write `run.json` atomically, with secrets masked."""
        data = redact(record.model_dump(mode="json"))
        write_atomic(self.record_file, orjson.dumps(data, option=orjson.OPT_INDENT_2) + b"\n")

    def read(self) -> RunRecord:
        """Read `run.json` as it is, without checking that a running run is alive.

        Raises DataError if it is missing or invalid.
        """
        try:
            return RunRecord.model_validate(orjson.loads(self.record_file.read_bytes()))
        except FileNotFoundError:
            raise DataError(
                "there is no such file; this is not a run", file=self.record_file
            ) from None
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise DataError(
                f"not a run record ({str(error).splitlines()[0]})", file=self.record_file
            ) from None

    def chat_template(self, config: RunConfig) -> str | None:
        """Return the run's chat template, None if it has none.

        Raises DataError if it is missing or its hash is not the configured one.
        """
        expected = config.hyperparameters.get("chat_template")
        if expected is None:
            return None
        if not self.template_file.is_file() or sha256_of(self.template_file) != expected:
            raise DataError(
                "is missing or not the chat template of the run; train it again",
                file=self.template_file,
            )
        return self.template_file.read_bytes().decode()

    def current(self) -> RunRecord:
        """Read `run.json`; a running run whose process is gone is returned as failed (killed)."""
        record = self.read()
        if record.state is State.RUNNING and not self.is_locked():
            record = self.read()  # it may have ended after the first read
        if record.state is State.RUNNING and not self.is_locked():
            record.state = State.FAILED
            record.failure = Failure(
                kind=FailureKind.KILLED, message="the process that executed the run is gone"
            )
        return record

    def is_locked(self) -> bool:
        """Return True if a process is executing the run. Needs no write permission."""
        try:
            descriptor = os.open(self.lock.lock_file, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            # A shared lock: two processes that test at once must not see each other's lock.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def append_metrics(self, values: dict[str, Any]) -> None:
        """Append one line to `metrics.jsonl` in a single write: a kill leaves no partial line."""
        line = orjson.dumps(values) + b"\n"
        descriptor = os.open(self.metrics_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def metrics(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl`, without an unfinished last line.

        Raises DataError for a line that is not JSON.
        """
        if not self.metrics_file.exists():
            return []
        metrics = []
        for number, line in enumerate(self.metrics_file.read_bytes().split(b"\n")[:-1], 1):
            try:
                metrics.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                raise DataError(
                    f"not JSON ({error.msg}); remove the line", file=self.metrics_file, line=number
                ) from None
        return metrics


def run_parent(config: RunConfig) -> Path:
    """Return `purpose/model/Task_method_data_rate`: the parent of a run's directory."""
    task = TASKS.get(config.task).directory
    name = f"{task}_{config.method}_{config.data.label}_{config.rate_label}"
    return Path(config.purpose) / config.model_label / name


def find_runs(root: Path, purpose: str | None = None) -> Iterator[RunDirectory]:
    """Yield every run below `root`, or below `root/purpose`, in the order of their paths."""
    top = root / purpose if purpose else root
    for path in sorted(top.rglob(RECORD_NAME)):
        yield RunDirectory(path.parent)
