"""The tasks of a build, and what they share in every worker process.

A forked worker inherits the context. A worker on another machine reads it from the staging
directory, which every machine must see.
"""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from penstock.errors import ConflictError
from penstock.files import sync, write_atomic
from penstock.formats import OutputSpec, Shard, SplitShape
from penstock.manifest import FileEntry, InputEntry
from penstock.recipes.order import OrderedDataset
from penstock.recipes.partial import Partial, PartialReport, partials_directory
from penstock.recipes.partition import SplitTask, make_partial, prepare
from penstock.recipes.recipe import Recipe, recipe_of
from penstock.recipes.store import Store, StoredPartial
from penstock.sources import describe_input
from penstock.splits import SPLIT_NAMES
from penstock.step_report import StepReport
from penstock.steps import Order

#: The arrays of an order that are written for other machines.
_ARRAYS = ("starts", "lengths", "first")


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
        """The directory of the partial outputs."""
        return partials_directory(self.staging, self.key)

    @property
    def dataset(self) -> Path:
        """The directory in which the dataset is written until it is complete."""
        return self.staging / "dataset"

    @property
    def stage(self) -> str:
        """The tasks that the context is for: `partials` or `shards`."""
        return "partials" if self.ordered is None else "shards"


#: By key and stage of the build: a worker of a cluster may outlive a build.
_CONTEXTS: dict[tuple[str, str], BuildContext] = {}


def publish_context(context: BuildContext, *, on_disk: bool) -> None:
    """Share a context with forked workers, and with `on_disk` with workers on other machines."""
    _CONTEXTS[context.key, context.stage] = context
    if on_disk:
        if context.ordered is not None:
            _write_orders(context.staging, context.ordered)
        write_atomic(_file(context.staging, context.stage), orjson.dumps(_as_data(context)))


def forget_context(context: BuildContext) -> None:
    """Forget the contexts of a build."""
    for stage in ("partials", "shards"):
        _CONTEXTS.pop((context.key, stage), None)


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
        """Execute a task with the context of its build."""
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
    if (key, stage) not in _CONTEXTS:
        data = orjson.loads(_file(staging, stage).read_bytes())
        if data["key"] != key:
            raise ConflictError(f"{staging}: another build uses this directory now")
        with chdir(data["base"]):
            _CONTEXTS[key, stage] = _read(staging, stage, data)
    return _CONTEXTS[key, stage]


def _file(staging: Path, stage: str) -> Path:
    return staging / f"{stage}.json"


def _as_data(context: BuildContext) -> dict[str, Any]:
    data: dict[str, Any] = {
        "key": context.key,
        "base": str(Path.cwd()),
        "recipe": context.recipe.settings(),
    }
    if context.ordered is not None and context.spec is not None:
        spec = context.spec
        data["partials"] = [
            [stored.partial.name, stored.source, asdict(stored.report)]
            for stored in context.ordered.store.parts
        ]
        data["orders"] = list(context.ordered.orders or ()) or None
        data["spec"] = {
            **vars(spec),
            "directory": str(spec.directory),
            "dtype": spec.dtype.name,
            "splits": {split: asdict(shape) for split, shape in spec.splits.items()},
        }
    return data


def _write_orders(staging: Path, ordered: OrderedDataset) -> None:
    for view, order in (ordered.orders or {}).items():
        arrays = {name: getattr(order, name) for name in _ARRAYS}
        np.savez(staging / f"order-{view}.npz", allow_pickle=False, **arrays)


def _read(staging: Path, stage: str, data: dict[str, Any]) -> BuildContext:
    recipe = recipe_of(data["recipe"])
    context = BuildContext(recipe, staging, data["key"], base=Path(data["base"]))
    if stage == "partials":
        prepare(recipe)
        return context
    recipe.format.prepare()
    spec = data["spec"]
    context.spec = OutputSpec(
        **{
            **spec,
            "directory": Path(spec["directory"]),
            "dtype": np.dtype(spec["dtype"]),
            "splits": {name: SplitShape(**shape) for name, shape in spec["splits"].items()},
        }
    )
    stored = []
    for name, source, report in data["partials"]:
        report["steps"] = [StepReport(**step) for step in report["steps"]]
        partial = Partial(context.partials, name)
        stored.append(StoredPartial(partial, PartialReport(**report), source))
    context.ordered = OrderedDataset(Store(stored), _read_orders(staging, data["orders"]))
    return context


def _read_orders(staging: Path, views: Sequence[str] | None) -> Mapping[str, Order] | None:
    if views is None:
        return None
    orders = {}
    for view in views:
        with np.load(staging / f"order-{view}.npz") as arrays:
            orders[view] = Order(**{name: arrays[name] for name in _ARRAYS})
    return orders
