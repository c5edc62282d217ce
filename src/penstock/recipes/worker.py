"""The tasks of a build, and what they share in every worker process.

A forked worker inherits the context. A worker on another machine reads it from the staging
directory, which every machine must see.
"""

from __future__ import annotations

import gc
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penstock.errors import ConflictError
from penstock.files import staged_file, sync
from penstock.formats import OutputSpec, Shard
from penstock.manifest import FileEntry, InputEntry
from penstock.recipes.order import OrderedDataset
from penstock.recipes.partial import PartialReport, partials_directory
from penstock.recipes.partition import SplitTask, make_partial, prepare
from penstock.recipes.recipe import Recipe, resolve
from penstock.recipes.store import Store, StoredPartial
from penstock.sources import describe_input
from penstock.splits import SPLIT_NAMES


@dataclass
class BuildContext:
    """What the tasks of one build share; `ordered` and `spec` are set before shards are written."""

    recipe: Recipe
    staging: Path
    key: str
    ordered: OrderedDataset | None = None
    spec: OutputSpec | None = None
    #: The base of relative paths in the recipe; None: the working directory of this process.
    base: Path | None = None

    @property
    def partials(self) -> Path:
        return partials_directory(self.staging, self.key)

    @property
    def dataset(self) -> Path:
        """The directory in which the dataset is written until it is complete."""
        return self.staging / "dataset"

    @property
    def stage(self) -> str:
        """The tasks that the context is for: `partials` or `shards`."""
        return "partials" if self.ordered is None else "shards"


#: By staging directory, key and stage: a worker of a cluster may outlive a build, and builds of one
#: recipe to two outputs have the same key.
_CONTEXTS: dict[tuple[Path, str, str], BuildContext] = {}


def publish_context(context: BuildContext, *, on_disk: bool) -> None:
    """Share a context with forked workers, and with `on_disk` with workers on other machines."""
    _CONTEXTS[context.staging, context.key, context.stage] = context
    if on_disk:
        _write(context)


def forget_context(context: BuildContext) -> None:
    for stage in ("partials", "shards"):
        _CONTEXTS.pop((context.staging, context.key, stage), None)


class Task(ABC):
    """A task, small enough to be sent to another process; `str` names it in errors."""

    @abstractmethod
    def execute(self, context: BuildContext) -> Any:
        """Execute the task; the result is small too."""


@dataclass(frozen=True)
class HashInput(Task):
    """Describe an input file for the manifest."""

    path: str

    def execute(self, context: BuildContext) -> InputEntry:
        return describe_input(self.path)

    def __str__(self) -> str:
        return f"the hash of {self.path}"


@dataclass(frozen=True)
class MakePartial(Task):
    """Run an input split through the steps on rows and tokens."""

    task: SplitTask

    def execute(self, context: BuildContext) -> PartialReport:
        return make_partial(context.recipe, self.task, context.partials)

    def __str__(self) -> str:
        input_split = self.task.input_split
        start = f" from {input_split.start:,}" if input_split.start else ""
        return f"{input_split.path}{start}"


@dataclass(frozen=True)
class WriteShard(Task):
    """Write the rows of a shard and describe its files."""

    shard: Shard

    def execute(self, context: BuildContext) -> Sequence[FileEntry]:
        assert context.ordered is not None and context.spec is not None
        shard, directory = self.shard, context.dataset
        rows = context.ordered.rows(shard.split, shard.start, shard.stop)
        written = context.recipe.format.write(directory, shard, context.spec, rows)
        # Sync before the dataset is renamed; hash meanwhile.
        with ThreadPoolExecutor(1) as pool:
            synced = [pool.submit(sync, directory / file.path) for file in written]
            split = shard.split if shard.split in SPLIT_NAMES else None  # else a view
            entries = [FileEntry.of(directory, f.path, f.rows, f.sha256, split) for f in written]
            for each in synced:
                each.result()
        return entries

    def __str__(self) -> str:
        return f"the shard {self.shard.path}"


@dataclass(frozen=True)
class TaskRunner:
    """The function that an executor maps over the tasks of a stage."""

    staging: Path
    key: str
    stage: str

    def __call__(self, task: Task) -> Any:
        context = _context(self.staging, self.key, self.stage)
        with chdir(context.base) if context.base else nullcontext(), _without_collector():
            return task.execute(context)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Disable the cycle collector: rows have no cycles, and scanning them costs a third."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _context(staging: Path, key: str, stage: str) -> BuildContext:
    """Return the context of a stage of a build, from disk if this process does not have it.

    Raises ConflictError if the directory belongs to another build now.
    """
    if (staging, key, stage) not in _CONTEXTS:
        try:
            with _file(staging, key, stage).open("rb") as stream:
                base, document, spec, parts, orders = pickle.load(stream)
        except FileNotFoundError:
            raise ConflictError(f"{staging}: another build uses this directory now") from None
        with chdir(base):
            recipe = resolve(document)
            context = BuildContext(recipe, staging, key, base=base)
            if stage == "partials":
                prepare(recipe)
            else:
                recipe.format.prepare()
                context.spec, context.ordered = spec, OrderedDataset(Store(parts), orders)
        _CONTEXTS[staging, key, stage] = context
    return _CONTEXTS[staging, key, stage]


def _write(context: BuildContext) -> None:
    """Write what another machine needs; errors there have the locations of the recipe file too."""
    recipe, ordered = context.recipe, context.ordered
    document = replace(recipe.document, data=recipe.settings())
    parts: Sequence[StoredPartial] = ordered.store.parts if ordered else ()
    orders = ordered.orders if ordered else None
    if orders is not None:
        orders = {view: replace(order, columns={}) for view, order in orders.items()}
    path = _file(context.staging, context.key, context.stage)
    with staged_file(path) as staging, staging.open("wb") as out:
        pickle.dump((Path.cwd(), document, context.spec, parts, orders), out, protocol=5)


def _file(staging: Path, key: str, stage: str) -> Path:
    return partials_directory(staging, key) / f"{stage}.pickle"
