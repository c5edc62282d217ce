"""The files of a run's directory.

run.json                 the record: configuration, environment, data, state, result
metrics.jsonl            one object a line, appended while the run goes on
experiment_config.yaml   the configuration alone, as YAML that can be run again
chat_template.jinja      the chat template, where the configuration names one
{rate}_train.out, .err   what the trainer printed
run.lock                 held by whoever carries the run; free means nobody does
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock
from pydantic import ValidationError

from penstock.errors import DataError
from penstock.files import sha256_of, write_atomic
from penstock.redaction import redact
from penstock.runs.records import Failure, FailureKind, RunConfig, RunRecord, State
from penstock.tasks import TASKS

RECORD_NAME = "run.json"


class RunDirectory:
    """One run's directory, read and written through its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_file = path / RECORD_NAME
        self.metrics_file = path / "metrics.jsonl"
        self.config_file = path / "experiment_config.yaml"
        self.template_file = path / "chat_template.jinja"
        self.lock = FileLock(path / "run.lock")

    @classmethod
    def create(cls, root: Path, config: RunConfig) -> RunDirectory:
        """Make a directory that no other run has, and lay the run's chat template into it.

        `root/purpose/model/Task_method_data_rate/timestamp`; two runs that start in the same
        second get `timestamp` and `timestamp_2`.
        """
        parent = root / directory_label(config)
        parent.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now().strftime("%Y%m%d_%H%M%S")
        number = 1
        while True:
            path = parent / (stamp if number == 1 else f"{stamp}_{number}")
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            else:
                break
        directory = cls(path)
        if config.template_text is not None:
            write_atomic(directory.template_file, config.template_text)
        return directory

    def log_file(self, config: RunConfig, stream: str) -> Path:
        """Return the file of what the trainer printed on `out` or `err`."""
        return self.path / f"{config.rate_label}_train.{stream}"

    def write(self, record: RunRecord) -> None:
        """Write `run.json` whole; secrets are masked."""
        data = redact(record.model_dump(mode="json"))
        write_atomic(self.record_file, orjson.dumps(data, option=orjson.OPT_INDENT_2) + b"\n")

    def read(self) -> RunRecord:
        """Read `run.json` as it is, without asking whether the run is alive.

        Raises DataError when it is missing or does not have the form.
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
        """Return the chat template that the run was given, None where it was given none.

        Raises DataError when it is not there or not what the configuration says.
        """
        expected = config.hyperparameters.get("chat_template")
        if expected is None:
            return None
        if not self.template_file.is_file() or sha256_of(self.template_file) != expected:
            raise DataError(
                "is missing or not the chat template of the run; train it anew",
                file=self.template_file,
            )
        return self.template_file.read_bytes().decode()

    def current(self) -> RunRecord:
        """Read `run.json` and correct its state: a run that nobody carries any more was killed."""
        record = self.read()
        if record.state is State.RUNNING and not self.carried():
            record = self.read()  # it may have ended between the two looks
        if record.state is State.RUNNING and not self.carried():
            record.state = State.FAILED
            record.failure = Failure(
                kind=FailureKind.KILLED, message="the process that carried the run is gone"
            )
        return record

    def carried(self) -> bool:
        """Say whether some process carries the run now. Asking needs no right to write."""
        try:
            descriptor = os.open(self.lock.lock_file, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who ask at once do not take one another for the carrier.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def append_metrics(self, values: dict[str, Any]) -> None:
        """Add one line to `metrics.jsonl`, in one write, so that a kill leaves whole lines."""
        line = orjson.dumps(values) + b"\n"
        descriptor = os.open(self.metrics_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def metrics(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl`; a last line without its end is not one yet.

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


def directory_label(config: RunConfig) -> Path:
    """Return `purpose/model/Task_method_data_rate`, the part of a run's path known beforehand."""
    task = TASKS.get(config.task).directory
    name = f"{task}_{config.method}_{config.data.label}_{config.rate_label}"
    return Path(config.purpose) / config.model_label / name


def find_runs(root: Path, purpose: str | None = None) -> Iterator[RunDirectory]:
    """Yield every run below `root`, or below `root/purpose`, in the order of their paths."""
    top = root / purpose if purpose else root
    for path in sorted(top.rglob(RECORD_NAME)):
        yield RunDirectory(path.parent)
