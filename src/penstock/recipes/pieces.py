"""One piece of input through all steps, to a part: the work of one worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from penstock.batches import RowBatch, Tally, TokenBatch
from penstock.recipes.parts import Part, PartReport
from penstock.recipes.schema import Recipe
from penstock.sources import Piece, Source
from penstock.steps import Step

#: How much of the input a step may look at beforehand.
PREVIEW_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class PieceWork:
    """A piece of one source, and the name of the part that it becomes."""

    source: str
    piece: Piece
    part: str


def list_pieces(recipe: Recipe) -> list[PieceWork]:
    """Return every piece of every source, in order; they depend on recipe and input alone."""
    return [
        PieceWork(name, piece, f"{number}-{index:06d}")
        for number, (name, source) in enumerate(recipe.sources.items())
        for index, piece in enumerate(source.pieces(recipe.file.piece_bytes))
    ]


def make_part(recipe: Recipe, work: PieceWork, directory: Path) -> PartReport:
    """Read a piece, put its batches through the steps, and write the part.

    Raises DataError for what cannot be used, unless the recipe skips it.
    """
    source = recipe.sources[work.source]
    tally = tally_of(recipe, source, work.piece)
    batches = through_steps(recipe, work, tally)
    return Part(directory, work.part).write(batches, tally)


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
        for piece in source.pieces(recipe.file.piece_bytes):
            tally = Tally(partial(source.place, piece), skip=True)
            for batch in source.read(piece, tally):
                made = apply_steps(steps, batch, tally)
                found = [row.get("text") for row in made.rows] if isinstance(made, RowBatch) else []
                texts += [text for text in found if isinstance(text, str)]
                if sum(map(len, texts)) >= PREVIEW_CHARACTERS:
                    return texts
    return texts


def tally_of(recipe: Recipe, source: Source, piece: Piece) -> Tally:
    """Return the tally of a piece, which names rows by file and line."""
    return Tally(
        partial(source.place, piece),
        skip=recipe.file.on_error == "skip",
        problem_with=recipe.format.problem_with,
    )


def through_steps(recipe: Recipe, work: PieceWork, tally: Tally) -> Iterator[RowBatch | TokenBatch]:
    """Yield what the steps on single documents make of a piece, batch by batch.

    `read` counts the rows that the source gave, `read.skipped` those that it could not.
    """
    steps = recipe.steps_on(work.source)
    before = tally.counts["skipped"]
    for batch in recipe.sources[work.source].read(work.piece, tally):
        tally.count("read", len(batch))
        tally.count("read.skipped", tally.counts["skipped"] - before)
        made = apply_steps(steps, batch, tally)
        if len(made):
            yield made
        before = tally.counts["skipped"]
    tally.count("read.skipped", tally.counts["skipped"] - before)


def apply_steps(
    steps: Sequence[Step], batch: RowBatch | TokenBatch, tally: Tally
) -> RowBatch | TokenBatch:
    """Return what the steps on single documents make of a batch."""
    for step in steps:
        batch = step.apply(batch, tally)
    return batch
