"""One input_split of input through all steps, to a part: the work of one worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.recipes.parts import Part, PartReport
from penstock.recipes.schema import Recipe
from penstock.sources import InputSplit, Source
from penstock.steps import Step

#: How much of the input a step may look at beforehand.
PREVIEW_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class SplitWork:
    """An input split of one source, and the name of the part that it becomes."""

    source: str
    input_split: InputSplit
    part: str


def list_input_splits(recipe: Recipe) -> list[SplitWork]:
    """Return every input_split of every source, in order; they depend on recipe and input alone."""
    return [
        SplitWork(name, input_split, f"{number}-{index:06d}")
        for number, (name, source) in enumerate(recipe.sources.items())
        for index, input_split in enumerate(source.input_splits(recipe.file.piece_bytes))
    ]


def make_part(recipe: Recipe, work: SplitWork, directory: Path) -> PartReport:
    """Read an input split, put its batches through the steps, and write the part.

    Raises DataError for what cannot be used, unless the recipe skips it.
    """
    source = recipe.sources[work.source]
    stats = stats_of(recipe, source, work.input_split)
    batches = through_steps(recipe, work, stats)
    return Part(directory, work.part).write(batches, stats)


def prepare(recipe: Recipe) -> None:
    """Let every step load what it needs; each gets the first texts that it will have to do with."""
    for number, step in enumerate(recipe.steps):
        if type(step).preview is not Step.preview:
            step.preview(_first_texts(recipe, recipe.steps[:number]))
        with recipe.naming(number):
            step.prepare()


def _first_texts(recipe: Recipe, before: Sequence[Step]) -> list[str]:
    """Return what the steps `before` make of the first megabyte of text or so."""
    texts: list[str] = []
    for name, source in recipe.sources.items():
        steps = [step for step in before if step.works_on(name)]
        for input_split in source.input_splits(recipe.file.piece_bytes):
            stats = RowStats(partial(source.place, input_split), skip=True)
            for batch in source.read(input_split, stats):
                made = apply_steps(steps, batch, stats)
                found = [row.get("text") for row in made.rows] if isinstance(made, RowBatch) else []
                texts += [text for text in found if isinstance(text, str)]
                if sum(map(len, texts)) >= PREVIEW_CHARACTERS:
                    return texts
    return texts


def stats_of(recipe: Recipe, source: Source, input_split: InputSplit) -> RowStats:
    """Return the stats of an input split, which names rows by file and line."""
    return RowStats(
        partial(source.place, input_split),
        skip=recipe.file.on_error == "skip",
        problem_with=recipe.format.problem_with,
    )


def through_steps(
    recipe: Recipe, work: SplitWork, stats: RowStats
) -> Iterator[RowBatch | TokenBatch]:
    """Yield what the steps on single documents make of an input split, batch by batch.

    `read` counts the rows that the source gave, `read.skipped` those that it could not.
    """
    steps = recipe.steps_on(work.source)
    before = stats.counts["skipped"]
    for batch in recipe.sources[work.source].read(work.input_split, stats):
        stats.count("read", len(batch))
        stats.count("read.skipped", stats.counts["skipped"] - before)
        made = apply_steps(steps, batch, stats)
        if len(made):
            yield made
        before = stats.counts["skipped"]
    stats.count("read.skipped", stats.counts["skipped"] - before)


def apply_steps(
    steps: Sequence[Step], batch: RowBatch | TokenBatch, stats: RowStats
) -> RowBatch | TokenBatch:
    """Return what the steps on single documents make of a batch."""
    for step in steps:
        batch = step.apply(batch, stats)
    return batch
