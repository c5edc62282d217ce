"""The tries of runs that stand in the results, and those that other processes add to them."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.runs import RunDirectory, RunRecord, State, find_runs

Try = tuple[RunDirectory, RunRecord]

_RANK = {State.DONE: 2, State.RUNNING: 1}


class Tries:
    """Finds the tries of runs below a directory, and reads whose they are once.

    A grid whose runs stand side by side by the thousand does not read them all before each run.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self._known: set[str] = set()
        self._added: dict[str, RunDirectory] = {}

    def latest(self) -> dict[str, Try]:
        """Return the try that counts for each identity: a done or running one, else the latest."""
        tries: dict[str, Try] = {}
        for directory in find_runs(self.top):
            record = directory.current()
            self.know(directory)
            known = tries.get(record.identity)
            if known is None or _weight(record) >= _weight(known[1]):
                tries[record.identity] = directory, record
        return tries

    def know(self, directory: RunDirectory) -> None:
        """Count a directory among those that were there."""
        self._known.add(str(directory.path))

    def added(self, identity: str, place: Path) -> Try | None:
        """Return the try of a run that another process has added to a directory since `latest`."""
        with os.scandir(place) as entries:
            paths = [entry.path for entry in entries if entry.path not in self._known]
        for path in paths:
            directory = RunDirectory(Path(path))
            if directory.record_file.exists():
                self._added[directory.read().identity] = directory
                self.know(directory)
        directory_of_run = self._added.get(identity)
        return (directory_of_run, directory_of_run.current()) if directory_of_run else None


def _weight(record: RunRecord) -> tuple[int, str]:
    return _RANK.get(record.state, 0), record.started
