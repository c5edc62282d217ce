"""The jobs of a build, each for any worker: hash an input, make a part, write a shard."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.files import sync
from penstock.formats import Shard
from penstock.manifest import FileEntry, InputEntry
from penstock.recipes.bench import Bench, bench_for
from penstock.recipes.parts import PartReport
from penstock.recipes.pieces import SplitWork, make_part
from penstock.sources import describe_input
from penstock.splits import SPLIT_NAMES


class Job(ABC):
    """A job, small enough to be sent to another process; its text names it in an error."""

    @abstractmethod
    def carry(self, bench: Bench) -> Any:
        """Do it; what it returns is small as well."""


@dataclass(frozen=True)
class HashInput(Job):
    """Describe an input for the manifest."""

    path: str

    def carry(self, bench: Bench) -> InputEntry:
        return describe_input(self.path)

    def __str__(self) -> str:
        return f"the hash of {self.path}"


@dataclass(frozen=True)
class MakePart(Job):
    """Put an input split through the steps."""

    work: SplitWork

    def carry(self, bench: Bench) -> PartReport:
        return make_part(bench.recipe, self.work, bench.parts)

    def __str__(self) -> str:
        input_split = self.work.input_split
        place = f" from {input_split.start:,}" if input_split.start else ""
        return f"{input_split.path}{place}"


@dataclass(frozen=True)
class WriteShard(Job):
    """Write the rows of a shard and describe its files."""

    shard: Shard

    def carry(self, bench: Bench) -> Sequence[FileEntry]:
        assert bench.arrangement is not None and bench.target is not None
        shard, directory = self.shard, bench.dataset
        rows = bench.arrangement.rows(shard.split, shard.start, shard.stop)
        written = bench.recipe.format.write(directory, shard, bench.target, rows)
        # The bytes are on disk before the name of their dataset is; meanwhile they are hashed.
        with ThreadPoolExecutor(1) as pool:
            synced = [pool.submit(sync, directory / file.path) for file in written]
            split = shard.split if shard.split in SPLIT_NAMES else None  # else a view of its own
            entries = [FileEntry.of(directory, f.path, f.rows, f.sha256, split) for f in written]
            for each in synced:
                each.result()
        return entries

    def __str__(self) -> str:
        return f"the shard {self.shard.path}"


@dataclass(frozen=True)
class Carrier:
    """The function that an executor carries over the jobs of a stage."""

    work: Path
    key: str
    stage: str

    def __call__(self, job: Job) -> Any:
        """Do a job on the bench of its build."""
        bench = bench_for(self.work, self.key, self.stage)
        with chdir(bench.home) if bench.home else nullcontext(), _no_collector():
            return job.carry(bench)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Keep Python's cycle collector out of a job.

    Rows have no cycles: it would only go through them again and again, a third of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
