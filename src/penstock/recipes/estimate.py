"""An estimate of a dataset: the beginning of each source is built and extrapolated."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.batches import RowBatch, TokenBatch
from penstock.errors import ConfigError, DataError
from penstock.formats import SplitShape
from penstock.recipes.order import OrderedDataset, order_dataset
from penstock.recipes.partial import Partial
from penstock.recipes.partition import SplitTask, make_stats, prepare, run_steps
from penstock.recipes.plan import BuildPlan
from penstock.recipes.store import Store, StoredPartial

#: About how many bytes of each source are read.
SAMPLE = 1 << 20
#: An input split up to so many bytes is read to its end.
_SMALL = 8 * SAMPLE
_COMPRESSED = (".gz", ".zst", ".parquet")


@dataclass(frozen=True)
class Estimate:
    """The expected size of a dataset; `exact` if all input was read, `tokens` are bytes for text.

    Rows, shards and bytes are None if the sample is too small for a step.
    """

    documents: int
    rows: int | None
    tokens: int
    shards: int | None
    bytes: int | None
    exact: bool


@dataclass(frozen=True)
class _Sample:
    """A partial output of the beginning of a source, and how many times larger the source is."""

    stored: StoredPartial
    factor: float
    cut: bool


def estimate(plan: BuildPlan) -> Estimate:
    """Build the beginning of each source in a temporary directory, and extrapolate.

    Raises DataError for an unusable row, as the build would.
    """
    recipe = plan.recipe
    prepare(recipe)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        samples = [
            _sample(plan, directory, code, tasks)
            for code, name in enumerate(recipe.sources)
            if (tasks := [task for task in plan.input_splits if task.source == name])
        ]
        store = Store([sample.stored for sample in samples])
        if not store.parts:
            return Estimate(0, 0, 0, 0, 0, exact=all(sample.factor == 1 for sample in samples))
        documents = round(sum(s.stored.report.documents * s.factor for s in samples))
        try:
            ordered = order_dataset(recipe, store)
        except (ConfigError, DataError):
            # A step on the whole dataset may need more rows than the sample has.
            tokens = round(sum(s.stored.report.tokens * s.factor for s in samples))
            return Estimate(documents, None, tokens, None, None, exact=False)
        written = _write(plan, directory / "dataset", ordered)
    seen = sum(sample.stored.report.tokens for sample in samples)
    factor = sum(s.stored.report.tokens * s.factor for s in samples) / max(seen, 1)
    shapes = {
        split: SplitShape(
            round(shape.rows * factor), round(shape.segments * factor), round(shape.tokens * factor)
        )
        for split, shape in ordered.shapes().items()
    }
    return Estimate(
        documents=documents,
        rows=sum(shape.rows for shape in shapes.values()),
        tokens=sum(shape.tokens for shape in shapes.values()),
        shards=len(recipe.format.shards(ordered.output_spec(recipe, shapes))),
        bytes=round(written * factor),
        exact=not any(sample.cut for sample in samples) and factor == 1,
    )


def _sample(plan: BuildPlan, directory: Path, code: int, tasks: list[SplitTask]) -> _Sample:
    """Make a partial output of a small input split, or of the first batches of a large one."""
    recipe, name = plan.recipe, tasks[0].source
    source = recipe.sources[name]
    input_split = source.first_split(SAMPLE)
    stats = make_stats(recipe, source, input_split)
    beginning = _Beginning(
        source.read(input_split, stats),
        to_the_end=input_split.size <= _SMALL,
        compressed=input_split.path.endswith(_COMPRESSED),
    )
    partial = Partial(directory, tasks[0].partial)
    report = partial.write(run_steps(recipe, name, beginning, stats), stats)
    size = sum(task.input_split.size for task in tasks)
    read = min(beginning.read, input_split.size) if beginning.cut else input_split.size
    factor = max(size / max(read, 1), 1.0)
    return _Sample(StoredPartial(partial, report, code), factor, beginning.cut)


@dataclass
class _Beginning:
    """The first batches of an input split; all with `to_the_end`.

    `cut` is True if more batches follow; `read` is the approximate number of bytes read from the
    file: those of the rows, compressed if the file is.
    """

    batches: Iterable[RowBatch | TokenBatch]
    to_the_end: bool
    compressed: bool
    cut: bool = False
    read: int = 0

    def __iter__(self) -> Iterator[RowBatch | TokenBatch]:
        seen = 0
        for batch in self.batches:
            if seen >= SAMPLE and not self.to_the_end:
                self.cut = True
                return
            if not self.to_the_end:
                if isinstance(batch, TokenBatch):
                    content = batch.ids.tobytes()
                else:
                    content = b"".join(str(row).encode("utf-8", "replace") for row in batch.rows)
                seen += len(content)
                self.read += len(zlib.compress(content) if self.compressed else content)
            yield batch


def _write(plan: BuildPlan, directory: Path, ordered: OrderedDataset) -> int:
    """Write the sample in the format of the recipe; return its size in bytes."""
    form = plan.recipe.format
    spec = ordered.output_spec(plan.recipe)
    form.verify(spec)
    form.prepare()
    for shard in form.shards(spec):
        (directory / shard.path).parent.mkdir(parents=True, exist_ok=True)
        form.write(directory, shard, spec, ordered.rows(shard.split, shard.start, shard.stop))
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
