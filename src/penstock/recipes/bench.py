"""What the jobs of a build share, and how a worker that has none comes by it.

A forked worker has what its parent laid out. A worker on another machine reads it from the build's
directory, which every machine must see.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from penstock.files import write_atomic
from penstock.formats import SplitShape, Target
from penstock.recipes.arranging import Arrangement
from penstock.recipes.parts import Part
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

    @property
    def stage(self) -> str:
        """Which jobs it is for: `parts` or `shards`."""
        return "parts" if self.arrangement is None else "shards"


_LAID: dict[tuple[Path, str], Bench] = {}


def lay(bench: Bench, *, on_disk: bool) -> None:
    """Make a bench known to this process and those forked from it, and to all with `on_disk`."""
    _LAID[bench.work, bench.stage] = bench
    if on_disk:
        if bench.arrangement is not None:
            _write_orders(bench.work, bench.arrangement)
        write_atomic(_file(bench.work, bench.stage), orjson.dumps(_described(bench)))


def clear(bench: Bench) -> None:
    """Forget the benches of a build."""
    for stage in ("parts", "shards"):
        _LAID.pop((bench.work, stage), None)


def bench_for(work: Path, stage: str) -> Bench:
    """Return the bench of a stage, read from disk where this process has none."""
    if (work, stage) not in _LAID:
        _LAID[work, stage] = _read(work, stage)
    return _LAID[work, stage]


def _file(work: Path, stage: str) -> Path:
    return work / f"{stage}.json"


def _described(bench: Bench) -> dict[str, Any]:
    said: dict[str, Any] = {"cwd": str(Path.cwd()), "recipe": bench.recipe.settings()}
    if bench.arrangement is not None and bench.target is not None:
        target = bench.target
        said["parts"] = [[p.part.name, p.source] for p in bench.arrangement.store.parts]
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


def _read(work: Path, stage: str) -> Bench:
    said = orjson.loads(_file(work, stage).read_bytes())
    # Relative paths of a recipe are those of the directory where the build was started.
    os.chdir(said["cwd"])
    bench = Bench(recipe_of(said["recipe"]), work)
    if stage == "parts":
        prepare(bench.recipe)
        return bench
    bench.recipe.format.prepare()
    target = said["target"]
    bench.target = Target(
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
    stored = []
    for name, source in parts:
        part = Part(bench.parts, name)
        report = part.read_report()
        assert report is not None, "the build has checked every part"
        stored.append(StoredPart(part, report, source))
    return stored


def _read_orders(work: Path, splits: Sequence[str] | None) -> Mapping[str, Order] | None:
    if splits is None:
        return None
    orders = {}
    for split in splits:
        with np.load(work / f"order-{split}.npz") as arrays:
            orders[split] = Order(**{name: arrays[name] for name in _ARRAYS})
    return orders
