"""What a build will come to, told from its beginning: a small build of it, taken larger."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.batches import RowBatch, TokenBatch
from penstock.errors import ConfigError, DataError
from penstock.formats import SplitShape, Target
from penstock.recipes.arranging import Arrangement, arrange
from penstock.recipes.parts import Part
from penstock.recipes.pieces import PieceWork, prepare, tally_of, through_steps
from penstock.recipes.plan import Plan
from penstock.recipes.store import Store, StoredPart
from penstock.recipes.targets import target_of

#: How many tokens, or bytes of rows of text, of each source an estimate looks at.
SAMPLE = 1 << 20
#: About how many bytes of input a token stands for, where a sample ends within a piece.
_BYTES_PER_TOKEN = 4


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
            if (works := [work for work in plan.pieces if work.source == name])
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
    shards = recipe.format.shards(target_of(recipe, arrangement, shapes))
    return Estimate(
        documents=documents,
        rows=sum(shape.rows for shape in shapes.values()),
        tokens=sum(shape.tokens for shape in shapes.values()),
        shards=len(shards),
        bytes=round(written * factor),
        exact=factor == 1,
    )


def _sample(plan: Plan, directory: Path, number: int, works: list[PieceWork]) -> _Sample:
    """Make a part of the first batches of a source."""
    work = works[0]
    source = plan.recipe.sources[work.source]
    tally = tally_of(plan.recipe, source, work.piece)
    beginning = _Beginning(through_steps(plan.recipe, source, work.piece, tally))
    part = Part(directory, work.part)
    report = part.write(beginning, tally)
    size = sum(each.piece.size for each in works)
    read = work.piece.size
    if beginning.cut:
        per_token = _BYTES_PER_TOKEN if plan.recipe.in_tokens else 1
        read = min(read, report.tokens * per_token)
    return _Sample(StoredPart(part, report, number), max(size / max(read, 1), 1.0))


class _Beginning:
    """The first batches of an iterator; `cut` says whether more were to come."""

    def __init__(self, batches: Iterator[RowBatch | TokenBatch]) -> None:
        self.batches = batches
        self.cut = False

    def __iter__(self) -> Iterator[RowBatch | TokenBatch]:
        seen = 0
        for batch in self.batches:
            if seen >= SAMPLE:
                self.cut = True
                return
            yield batch
            seen += _size_of(batch)


def _size_of(batch: RowBatch | TokenBatch) -> int:
    if isinstance(batch, TokenBatch):
        return len(batch.ids)
    return sum(len(str(row)) for row in batch.rows)


def _write(plan: Plan, directory: Path, arrangement: Arrangement) -> int:
    """Write the sample in the format of the recipe; return its size in bytes."""
    form = plan.recipe.format
    target: Target = target_of(plan.recipe, arrangement, arrangement.shapes())
    form.verify(target)
    form.prepare()
    for shard in form.shards(target):
        (directory / shard.path).parent.mkdir(parents=True, exist_ok=True)
        form.write(directory, shard, target, arrangement.rows(shard.split, shard.start, shard.stop))
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
