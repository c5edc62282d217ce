"""The jobs of a build, each for any worker: hash an input, make a part, write a shard.

A job finds what it needs on the bench of its build. A forked worker has its parent's bench; a
worker on another machine lays its own from the files in the build's directory.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from penstock.files import write_atomic
from penstock.formats import Shard, Target
from penstock.manifest import FileEntry, InputEntry
from penstock.recipes.arranging import Arrangement
from penstock.recipes.parts import PartReport
from penstock.recipes.pieces import PieceWork, make_part, prepare
from penstock.recipes.schema import Recipe, recipe_of
from penstock.sources import describe_input

_RECIPE = "recipe.json"


@dataclass
class Bench:
    """What the jobs of one build share. `arrangement` and `target` are there for shards."""

    recipe: Recipe
    work: Path
    arrangement: Arrangement | None = None
    target: Target | None = None

    @property
    def parts(self) -> Path:
        """Where the parts lie."""
        return self.work / "parts"

    @property
    def dataset(self) -> Path:
        """Where the dataset is written until it is whole."""
        return self.work / "dataset"


_BENCHES: dict[Path, Bench] = {}


def lay(bench: Bench) -> None:
    """Make a bench known to the jobs of this process and of those that are forked from it."""
    _BENCHES[bench.work] = bench
    write_atomic(bench.work / _RECIPE, orjson.dumps(bench.recipe.settings()))


def clear(bench: Bench) -> None:
    """Forget a bench."""
    _BENCHES.pop(bench.work, None)


def _bench(work: Path) -> Bench:
    if work not in _BENCHES:
        recipe = recipe_of(orjson.loads((work / _RECIPE).read_bytes()))
        _BENCHES[work] = Bench(recipe, work)
        prepare(recipe)
    return _BENCHES[work]


class Job(ABC):
    """A job, small enough to be sent to another process."""

    @abstractmethod
    def carry(self, bench: Bench) -> Any:
        """Do it; what it returns is small as well."""


@dataclass(frozen=True)
class HashInput(Job):
    """Describe an input for the manifest."""

    path: str

    def carry(self, bench: Bench) -> InputEntry:
        return describe_input(self.path)


@dataclass(frozen=True)
class MakePart(Job):
    """Put a piece through the steps."""

    piece: PieceWork

    def carry(self, bench: Bench) -> PartReport:
        return make_part(bench.recipe, self.piece, bench.parts)


@dataclass(frozen=True)
class WriteShard(Job):
    """Write the rows of a shard and describe its files."""

    shard: Shard

    def carry(self, bench: Bench) -> Sequence[FileEntry]:
        assert bench.arrangement is not None and bench.target is not None
        shard, directory = self.shard, bench.dataset
        rows = bench.arrangement.rows(shard.split, shard.start, shard.stop)
        written = bench.recipe.format.write(directory, shard, bench.target, rows)
        for file in written:
            _sync(directory / file.path)
        return [FileEntry.of(directory, file.path, file.rows) for file in written]


def _sync(path: Path) -> None:
    """Have the bytes of a file on disk before the name of its dataset is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Carrier:
    """The function that an executor carries over jobs."""

    work: Path

    def __call__(self, job: Job) -> Any:
        """Do a job on the bench of its build."""
        return job.carry(_bench(self.work))
