"""What a step is: work on a batch, work on the order of the whole dataset, or both."""

from __future__ import annotations

from abc import ABC
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.config import Options
from penstock.errors import ConfigError, did_you_mean
from penstock.steps._order import Order


class Stage(StrEnum):
    """What a step takes and gives, in the order in which they come in a recipe."""

    ROWS = "rows"
    TOKENS = "tokens"
    ORDER = "order"


@dataclass
class Arranging:
    """What a step on the order of a dataset knows and notes.

    `split` is the part that is arranged, None for all; `source_names` gives the meaning of the
    column `source`; `pad_id` and `eod_id` are those of the tokenizer, None where it has none;
    `notes` are what `RowStats.note` kept. `counts` takes what the step did, named `step.what`;
    `statistics` what it found out about the dataset, as plain data, for the manifest.
    """

    seed: int
    split: str | None = None
    source_names: Sequence[str] = ()
    pad_id: int | None = None
    eod_id: int | None = None
    notes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    statistics: dict[str, Any] = field(default_factory=dict)


class Step(Options, ABC):
    """One step of a recipe. A module of this room holds the class as `STEP`.

    An instance holds the step's settings. A step overrides `apply`, `arrange`, or both.
    """

    #: What a batch is when the step gets it, and when the step gives it on.
    takes: ClassVar[Stage]
    gives: ClassVar[Stage]
    #: True for a step on the order that means nothing for rows of text.
    needs_tokens: ClassVar[bool] = False
    #: True when the step must see all splits at once (duplicates), False when each by itself.
    across_splits: ClassVar[bool] = False
    #: True for a step that puts units of several sources among each other: what a format wants of
    #: one source alone does without it.
    mixes: ClassVar[bool] = False
    #: True for a step that decides the column `split`.
    divides: ClassVar[bool] = False

    def inputs(self) -> list[str]:
        """Return the files that the step reads besides the rows: they decide the dataset, too.

        Raises ConfigError for a file that is not there.
        """
        return []

    def works_on(self, source_name: str) -> bool:
        """Say whether rows of a source go through `apply`; others pass it by."""
        return True

    def preview(self, texts: Iterable[str]) -> None:
        """Take the first texts that `apply` will get; called before `prepare`."""

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Look at the steps before this one and the sources, as soon as a recipe is read.

        Raises ConfigError for a step that cannot work where it stands.
        """

    def prepare(self) -> None:
        """Load what `apply` needs; called once, before the work is shared out.

        Raises ConfigError or DataError for what is not there or cannot be used.
        """

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch | TokenBatch:
        """Return what becomes of a batch. It sees no other batch, so any worker may do it."""
        return batch

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return what becomes of the order of the dataset; it sees lengths and columns alone."""
        return order

    def tokenizer_identity(self) -> dict[str, Any] | None:
        """Return what the manifest says of the tokenizer, for a step that makes tokens."""
        return None

    def promises(self, source_names: Sequence[str]) -> set[str]:
        """Return the splits that must have a row, for a step that divides."""
        return set()

    def drops(self) -> Sequence[str]:
        """Return what the counters of the rows that the step drops are called: `too_short`."""
        return ()

    def drops_at_once(self) -> Sequence[str]:
        """Return those of `drops` whose rows leave in `apply`, for a step that arranges as well."""
        return ()

    def judge(self, counts: Counter[str]) -> None:
        """Look at the counts of the whole dataset; raises DataError past a threshold."""


class StepOnSources(Step):
    """A step on rows that may be meant for some of the sources alone."""

    sources: list[str] | None = Field(
        None, min_length=1, description="The sources whose rows are meant; null: all."
    )

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse names of no source."""
        refuse_unknown_sources(self.sources or (), source_names, "sources")

    def works_on(self, source_name: str) -> bool:
        """Say whether the rows of a source are meant."""
        return self.sources is None or source_name in self.sources


class CountedStep(StepOnSources):
    """A step that counts which rows it keeps, under a name of its own where it is listed twice."""

    #: How its counts begin.
    called: ClassVar[str]

    name: str | None = Field(
        None,
        pattern=r"^\w+$",
        description="What the counts are called as well (STEP.NAME.kept); each has a name where a "
        "recipe lists the step twice for rows of one source.",
    )

    @property
    def counter(self) -> str:
        """How the counts of this step begin."""
        return f"{self.called}.{self.name}" if self.name else self.called

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse names of no source, and the same counts as those of a step before."""
        super().verify(before, source_names)
        for step in before:
            if isinstance(step, CountedStep) and step.counter == self.counter:
                both = [n for n in source_names if step.works_on(n) and self.works_on(n)]
                if both:
                    raise ConfigError(
                        f"a step before counts as {self.counter}, too; give each a `name`, so that "
                        "each is judged by its own threshold"
                    )


def refuse_second_division(before: Sequence[Step]) -> None:
    """Raise ConfigError where a step before has decided the splits."""
    if any(step.divides for step in before):
        raise ConfigError(
            "the rows are divided already; keep one step that does it (partition, components)"
        )


def refuse_unknown_sources(names: Iterable[str], source_names: Sequence[str], setting: str) -> None:
    """Raise ConfigError for a name in a setting that is not that of a source."""
    for name in names:
        if name not in source_names:
            known = f"; the sources are {', '.join(source_names)}"
            hint = did_you_mean(name, source_names) or known
            raise ConfigError(f"{setting}: there is no source '{name}'{hint}")
