"""What a build will come to, told from its beginning: a small build of it, taken larger."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import ConfigError, DataError
from penstock.formats import OutputSpec, SplitShape
from penstock.recipes.arranging import Arrangement, arrange
from penstock.recipes.parts import Part
from penstock.recipes.pieces import SplitWork, apply_steps, prepare, stats_of
from penstock.recipes.plan import Plan
from penstock.recipes.store import Store, StoredPart
from penstock.recipes.targets import output_spec_of
from penstock.steps import Step

#: About how many bytes of each source an estimate looks at.
SAMPLE = 1 << 20
#: How large an input split that cannot be cut may be, in bytes, to be looked at whole.
_WHOLE = 8 * SAMPLE
#: How the names of files end that lie packed.
_PACKED = (".gz", ".zst", ".parquet")


@dataclass(frozen=True)
class Estimate:
    """What a build will write; `exact` when all was looked at, `tokens` are bytes for text.

    Rows, shards and bytes are None where the beginning is too little for a step.
    """

    documents: int
    rows: int | None
    tokens: int
    shards: int | None
    bytes: int | None
    exact: bool


@dataclass(frozen=True)
class _Sample:
    """A part of a source's beginning, and how many times larger the source is."""

    stored: StoredPart
    factor: float
    cut: bool


def estimate(plan: Plan) -> Estimate:
    """Build the beginning of each source in a directory that is removed, and extrapolate.

    Raises DataError for a row that cannot be used, as the build would.
    """
    recipe = plan.recipe
    prepare(recipe)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        samples = [
            _sample(plan, directory, number, works)
            for number, name in enumerate(recipe.sources)
            if (works := [work for work in plan.input_splits if work.source == name])
        ]
        store = Store([sample.stored for sample in samples])
        if not store.parts:
            return Estimate(0, 0, 0, 0, 0, exact=all(sample.factor == 1 for sample in samples))
        documents = round(sum(s.stored.report.documents * s.factor for s in samples))
        try:
            arrangement = arrange(recipe, store)
        except (ConfigError, DataError):
            # A step on the whole dataset may want more than its beginning has.
            tokens = round(sum(s.stored.report.tokens * s.factor for s in samples))
            return Estimate(documents, None, tokens, None, None, exact=False)
        written = _write(plan, directory / "dataset", arrangement)
    seen = sum(sample.stored.report.tokens for sample in samples)
    factor = sum(s.stored.report.tokens * s.factor for s in samples) / max(seen, 1)
    shapes = {
        split: SplitShape(
            round(shape.rows * factor), round(shape.segments * factor), round(shape.tokens * factor)
        )
        for split, shape in arrangement.shapes().items()
    }
    shards = recipe.format.shards(output_spec_of(recipe, arrangement, shapes))
    return Estimate(
        documents=documents,
        rows=sum(shape.rows for shape in shapes.values()),
        tokens=sum(shape.tokens for shape in shapes.values()),
        shards=len(shards),
        bytes=round(written * factor),
        exact=not any(sample.cut for sample in samples) and factor == 1,
    )


def _sample(plan: Plan, directory: Path, number: int, works: list[SplitWork]) -> _Sample:
    """Make a part of a source's beginning: of a small input_split, or of the first batches of one."""
    recipe, name = plan.recipe, works[0].source
    source = recipe.sources[name]
    input_split = source.beginning(SAMPLE)
    stats = stats_of(recipe, source, input_split)
    beginning = _Beginning(
        recipe.steps_on(name),
        source.read(input_split, stats),
        stats,
        whole=input_split.size <= _WHOLE,
        packed=input_split.path.endswith(_PACKED),
    )
    part = Part(directory, works[0].part)
    report = part.write(beginning, stats)
    size = sum(work.input_split.size for work in works)
    read = min(beginning.read, input_split.size) if beginning.cut else input_split.size
    factor = max(size / max(read, 1), 1.0)
    return _Sample(StoredPart(part, report, number), factor, beginning.cut)


class _Beginning:
    """What the steps make of the first batches of an input split; of all with `whole`.

    `cut` says whether more were to come, and `read` is about how many bytes of the file were read:
    as many as their rows have, packed as a compressed file has them.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        batches: Iterable[RowBatch | TokenBatch],
        stats: RowStats,
        *,
        whole: bool,
        packed: bool,
    ) -> None:
        self.steps, self.batches, self.stats = steps, batches, stats
        self.whole, self.packed = whole, packed
        self.cut = False
        self.read = 0

    def __iter__(self) -> Iterator[RowBatch | TokenBatch]:
        seen = 0
        for batch in self.batches:
            if seen >= SAMPLE and not self.whole:
                self.cut = True
                return
            if not self.whole:
                content = _content(batch)
                seen += len(content)
                self.read += len(zlib.compress(content) if self.packed else content)
            yield apply_steps(self.steps, batch, self.stats)


def _content(batch: RowBatch | TokenBatch) -> bytes:
    if isinstance(batch, TokenBatch):
        return batch.ids.tobytes()
    return b"".join(str(row).encode("utf-8", "replace") for row in batch.rows)


def _write(plan: Plan, directory: Path, arrangement: Arrangement) -> int:
    """Write the sample in the format of the recipe; return its size in bytes."""
    form = plan.recipe.format
    target: OutputSpec = output_spec_of(plan.recipe, arrangement, arrangement.shapes())
    form.verify(target)
    form.prepare()
    for shard in form.shards(target):
        (directory / shard.path).parent.mkdir(parents=True, exist_ok=True)
        form.write(directory, shard, target, arrangement.rows(shard.split, shard.start, shard.stop))
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
