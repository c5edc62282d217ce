"""Input splits, and one of them through the steps on rows and tokens to a partial output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.recipes.partial import Partial, PartialReport
from penstock.recipes.recipe import Recipe
from penstock.sources import InputSplit, Source
from penstock.steps import MeasuringStep, RowStep, TokenStep

#: About how many characters of the input `Step.preview` gets.
PREVIEW_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class SplitTask:
    """An input split of one source, and the name of its partial output."""

    source: str
    input_split: InputSplit
    partial: str


def list_input_splits(recipe: Recipe) -> list[SplitTask]:
    """Return every input split of every source in order; recipe and input decide them."""
    return [
        SplitTask(name, input_split, f"{number}-{index:06d}")
        for number, (name, source) in enumerate(recipe.sources.items())
        for index, input_split in enumerate(source.input_splits(recipe.file.input_split_bytes))
    ]


def make_partial(recipe: Recipe, task: SplitTask, directory: Path) -> PartialReport:
    """Read an input split, run the steps on rows and tokens, and write the partial output.

    Raises DataError for an unusable row, unless the recipe skips it.
    """
    source = recipe.sources[task.source]
    stats = make_stats(recipe, source, task.input_split)
    batches = run_steps(recipe, task.source, source.read(task.input_split, stats), stats)
    return Partial(directory, task.partial).write(batches, stats)


def make_stats(recipe: Recipe, source: Source, input_split: InputSplit) -> RowStats:
    """Return the counters of an input split."""
    return RowStats(
        partial(source.locate, input_split),
        skip=recipe.file.on_error == "skip",
        problem_with=recipe.format.problem_with,
        steps=recipe.labels,
    )


def run_steps(
    recipe: Recipe,
    source_name: str,
    batches: Iterable[RowBatch | TokenBatch],
    stats: RowStats,
    last: int | None = None,
) -> Iterator[RowBatch | TokenBatch]:
    """Yield the batches of a source after the steps on rows and tokens (before step `last`).

    Steps run in the order of the recipe. The columns that steps on the whole dataset measure are
    added after the last step on rows, before what is stored is decided.
    """
    steps = recipe.steps[:last]
    row_steps = [i for i, s in enumerate(steps) if isinstance(s, RowStep | TokenStep)]
    storing = [
        i for i in row_steps if steps[i].capabilities.stores or isinstance(steps[i], TokenStep)
    ]
    measuring = [i for i, s in enumerate(steps) if isinstance(s, MeasuringStep)]
    plan = [i for i in row_steps if i not in storing] + measuring + storing
    for read in batches:
        stats.current.kept += len(read)
        batch = read
        for index in plan:
            batch = _run_step(recipe, index, source_name, batch, stats)
        if len(batch):
            yield batch


def _run_step(
    recipe: Recipe, index: int, source_name: str, batch: RowBatch | TokenBatch, stats: RowStats
) -> RowBatch | TokenBatch:
    step = recipe.steps[index]
    with stats.step(index) as report, recipe.locating(index):
        if isinstance(step, MeasuringStep):
            assert isinstance(batch, RowBatch)  # the order of steps was checked
            batch, values = step.measure(batch, stats)
            batch.columns = {**batch.columns, column_name(index): values}
        elif isinstance(step, RowStep | TokenStep) and step.works_on(source_name):
            batch = step.apply(batch, stats)  # type: ignore[arg-type]  # checked with the order
            report.kept += len(batch)
    return batch


def column_name(index: int) -> str:
    """Return the name of the column that the step with this index measures."""
    return f"step{index}"


def prepare(recipe: Recipe) -> None:
    """Let every step load what it needs, with the first texts of the input where it wants them."""
    for index, step in enumerate(recipe.steps):
        if step.wants_preview:
            step.preview(_first_texts(recipe, index))
        with recipe.locating(index):
            step.prepare()


def _first_texts(recipe: Recipe, last: int) -> list[str]:
    """Return the texts of about the first megabyte of input after the steps before `last`."""
    texts: list[str] = []
    characters = 0
    for name, source in recipe.sources.items():
        for input_split in source.input_splits(recipe.file.input_split_bytes):
            stats = make_stats(recipe, source, input_split)
            stats.skip = True
            for batch in run_steps(recipe, name, source.read(input_split, stats), stats, last):
                rows = batch.rows if isinstance(batch, RowBatch) else []
                found = [text for row in rows if isinstance(text := row.get("text"), str)]
                texts += found
                characters += sum(map(len, found))
                if characters >= PREVIEW_CHARACTERS:
                    return texts
    return texts
