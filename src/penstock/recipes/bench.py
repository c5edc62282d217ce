"""What the jobs of a build share, and how a worker that has none comes by it.

A forked worker has what its parent laid out. A worker on another machine reads it from the build's
directory, which every machine must see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from penstock.errors import ConflictError
from penstock.files import write_atomic
from penstock.formats import OutputSpec, SplitShape
from penstock.recipes.arranging import Arrangement
from penstock.recipes.parts import Part, PartReport, parts_directory
from penstock.recipes.pieces import prepare
from penstock.recipes.schema import Recipe, recipe_of
from penstock.recipes.store import Store, StoredPart
from penstock.steps import Order

#: The arrays of an order, as they lie on disk for other machines.
_ARRAYS = ("starts", "lengths", "first")


@dataclass
class Bench:
    """What the jobs of one build share; `arrangement` and `target` are there once rows are laid."""

    recipe: Recipe
    work: Path
    key: str
    arrangement: Arrangement | None = None
    target: OutputSpec | None = None
    #: Where relative paths of the recipe begin; None for where this process is.
    home: Path | None = None

    @property
    def parts(self) -> Path:
        """Where the parts lie."""
        return parts_directory(self.work, self.key)

    @property
    def dataset(self) -> Path:
        """Where the dataset is written until it is whole."""
        return self.work / "dataset"

    @property
    def stage(self) -> str:
        """Which jobs it is for: `parts` or `shards`."""
        return "parts" if self.arrangement is None else "shards"


#: By build (its key) and stage: workers of a cluster may outlive a build.
_LAID: dict[tuple[str, str], Bench] = {}


def lay(bench: Bench, *, on_disk: bool) -> None:
    """Make a bench known to this process and those forked from it, and to all with `on_disk`."""
    _LAID[bench.key, bench.stage] = bench
    if on_disk:
        if bench.arrangement is not None:
            _write_orders(bench.work, bench.arrangement)
        write_atomic(_file(bench.work, bench.stage), orjson.dumps(_described(bench)))


def clear(bench: Bench) -> None:
    """Forget the benches of a build."""
    for stage in ("parts", "shards"):
        _LAID.pop((bench.key, stage), None)


def bench_for(work: Path, key: str, stage: str) -> Bench:
    """Return the bench of a stage of a build, read from disk where this process has none.

    Raises ConflictError where the directory is another build's by now.
    """
    if (key, stage) not in _LAID:
        said = orjson.loads(_file(work, stage).read_bytes())
        if said["key"] != key:
            raise ConflictError(f"{work}: another build has taken the place of this one")
        with chdir(said["home"]):
            _LAID[key, stage] = _read(work, stage, said)
    return _LAID[key, stage]


def _file(work: Path, stage: str) -> Path:
    return work / f"{stage}.json"


def _described(bench: Bench) -> dict[str, Any]:
    said: dict[str, Any] = {
        "key": bench.key,
        "home": str(Path.cwd()),
        "recipe": bench.recipe.settings(),
    }
    if bench.arrangement is not None and bench.target is not None:
        target = bench.target
        said["parts"] = [
            [stored.part.name, stored.source, asdict(stored.report)]
            for stored in bench.arrangement.store.parts
        ]
        said["orders"] = list(bench.arrangement.orders or ()) or None
        said["target"] = {
            **vars(target),
            "directory": str(target.directory),
            "dtype": target.dtype.name,
            "splits": {split: asdict(shape) for split, shape in target.splits.items()},
        }
    return said


def _write_orders(work: Path, arrangement: Arrangement) -> None:
    for split, order in (arrangement.orders or {}).items():
        arrays = {name: getattr(order, name) for name in _ARRAYS}
        np.savez(work / f"order-{split}.npz", allow_pickle=False, **arrays)


def _read(work: Path, stage: str, said: dict[str, Any]) -> Bench:
    bench = Bench(recipe_of(said["recipe"]), work, said["key"], home=Path(said["home"]))
    if stage == "parts":
        prepare(bench.recipe)
        return bench
    bench.recipe.format.prepare()
    target = said["target"]
    bench.target = OutputSpec(
        **{
            **target,
            "directory": Path(target["directory"]),
            "dtype": np.dtype(target["dtype"]),
            "splits": {name: SplitShape(**shape) for name, shape in target["splits"].items()},
        }
    )
    store = Store(_stored(bench, said["parts"]))
    bench.arrangement = Arrangement(store, _read_orders(work, said["orders"]))
    return bench


def _stored(bench: Bench, parts: Sequence[Sequence[Any]]) -> list[StoredPart]:
    return [
        StoredPart(Part(bench.parts, name), PartReport(**report), source)
        for name, source, report in parts
    ]


def _read_orders(work: Path, splits: Sequence[str] | None) -> Mapping[str, Order] | None:
    if splits is None:
        return None
    orders = {}
    for split in splits:
        with np.load(work / f"order-{split}.npz") as arrays:
            orders[split] = Order(**{name: arrays[name] for name in _ARRAYS})
    return orders
