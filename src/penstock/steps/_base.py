"""The kinds of steps: on rows, on tokens, and on the order of the whole dataset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.config import Options
from penstock.errors import ConfigError, StepError, did_you_mean
from penstock.files import plural
from penstock.step_report import UNUSABLE, StepReport
from penstock.steps._fields import UnusableError
from penstock.steps._order import Order, OrderContext

#: The name of a condition in reports, and its test.
Condition = tuple[str, Callable[[dict[str, Any]], bool]]


@dataclass(frozen=True)
class Capabilities:
    """What a step needs and does; the recipe checks the order of its steps by it."""

    #: RowStep: the last step on rows; decides what is stored (`tokenize`, `chat`, `keep`).
    stores: bool = False
    #: Works on tokens only (`pack`, `pad`); rows of text are refused.
    needs_tokens: bool = False
    #: DatasetStep: runs once on all splits; otherwise once per split.
    across_splits: bool = False
    #: Decides the column `split`.
    divides: bool = False
    #: RowStep: the name under which it keeps values of dropped rows for a DatasetStep.
    keeps_aside: str | None = None
    #: Interleaves the rows of several sources; files of single sources are written without it.
    mixes_sources: bool = False


@dataclass(frozen=True)
class StepPosition:
    """The steps before and after a step of a recipe, and the names of the recipe's sources."""

    before: Sequence[Step]
    after: Sequence[Step]
    source_names: Sequence[str]

    def require_sources(self, names: Iterable[str], setting: str) -> None:
        """Raise ConfigError for a name in a setting that no source has."""
        for name in names:
            if name not in self.source_names:
                known = f"; the sources are {', '.join(self.source_names)}"
                hint = did_you_mean(name, self.source_names) or known
                raise ConfigError(f"{setting}: there is no source '{name}'{hint}")

    def refuse_second_division(self) -> None:
        """Raise ConfigError if an earlier step divides the rows into splits."""
        if any(step.capabilities.divides for step in self.before):
            raise ConfigError(
                "an earlier step divides the rows into splits already; keep one of them "
                "(partition, components, assign)"
            )


class Step(Options, ABC):
    """One step of a recipe; an instance holds its settings. A module holds the class as `STEP`."""

    capabilities: ClassVar[Capabilities] = Capabilities()

    @property
    def report_name(self) -> str | None:
        """A name beside that of the step, for reports of recipes with several such steps."""
        return None

    def inputs(self) -> list[str]:
        """Return the files that the step reads besides the rows; they decide the dataset too.

        Raises ConfigError for a missing file.
        """
        return []

    def works_on(self, source_name: str) -> bool:
        """Return True if the step runs on rows of this source."""
        return True

    def verify(self, position: StepPosition) -> None:
        """Check the settings against the other steps and the sources, when a recipe is read.

        Raises ConfigError.
        """

    def preview(self, texts: Iterable[str]) -> None:
        """Receive the first texts of the input; called before `prepare` if `wants_preview`."""

    #: True for a step whose `preview` must be called.
    wants_preview: ClassVar[bool] = False

    def prepare(self) -> None:
        """Load what the step needs; called once, before the workers are forked.

        Raises ConfigError or DataError for what is missing or unusable.
        """

    def tokenizer_identity(self) -> dict[str, Any] | None:
        """Return the manifest entry of the tokenizer, for a step that makes tokens."""
        return None

    def required_splits(self, source_names: Sequence[str]) -> set[str]:
        """Return the splits that must get a row, for a step that divides."""
        return set()

    def check_report(self, report: StepReport) -> None:
        """Check the counts over the whole dataset; raises StepError past a threshold."""


class RowStep(Step):
    """A step on rows. Each batch is processed by itself, in any worker."""

    @abstractmethod
    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch | TokenBatch:
        """Return the processed batch. Bad rows go to `stats.bad`, dropped ones to `stats.drop`."""


class TokenStep(Step):
    """A step on the token sequences of documents, after `tokenize`."""

    @abstractmethod
    def apply(self, batch: TokenBatch, stats: RowStats) -> TokenBatch:
        """Return the processed batch."""


class DatasetStep(Step):
    """A step on the order of the whole dataset, after all steps on rows and tokens.

    It sees lengths and columns, not rows; a MeasuringStep sees rows too.
    """

    @abstractmethod
    def reorder(self, order: Order, context: OrderContext) -> Order:
        """Return the new order; `context.keep` and `context.report.drop` count dropped units.

        Raises StepError past a threshold and for settings that the data do not fit.
        """


class MeasuringStep(DatasetStep):
    """A step on the whole dataset that compares rows by a value of each.

    `measure` computes the values in the workers; `reorder` has them as `context.values`.
    """

    @abstractmethod
    def measure(self, batch: RowBatch, stats: RowStats) -> tuple[RowBatch, NDArray[Any]]:
        """Return the usable rows and one value for each (first dimension): hashes, lengths.

        It sees the rows as the steps on rows leave them, before `tokenize`, `chat` or `keep`.
        """


class SourceSelection(Step):
    """Mixin of a step that can be limited to some sources."""

    sources: list[str] | None = Field(
        None, min_length=1, description="Only rows of these sources; null: of all."
    )

    def verify(self, position: StepPosition) -> None:
        position.require_sources(self.sources or (), "sources")

    def works_on(self, source_name: str) -> bool:
        return self.sources is None or source_name in self.sources


class Threshold(Step):
    """Mixin of a step that may drop at most a share of the rows that it is given."""

    name: str | None = Field(
        None, pattern=r"^\w+$", description="A name in reports beside that of the step."
    )
    max_dropped: float = Field(
        0.5, ge=0, le=1, description="The largest share of rows that may be dropped."
    )

    #: What a row is to this step, for messages.
    unit: ClassVar[str] = "row"

    @property
    def report_name(self) -> str | None:
        return self.name

    def check_report(self, report: StepReport) -> None:
        """Raise StepError if more than `max_dropped` of the usable rows were dropped."""
        reasons = {why: count for why, count in report.dropped.items() if why != UNUSABLE}
        dropped = sum(reasons.values())
        check_dropped(
            dropped, report.kept + dropped, self.max_dropped, unit=self.unit, reasons=reasons
        )


class FilteringStep(SourceSelection, Threshold, RowStep):
    """A step that keeps the rows that meet every condition.

    A dropped row is counted by the first condition that it fails.
    """

    #: The step's name, for messages about bad rows.
    step_name: ClassVar[str]

    @cached_property
    @abstractmethod
    def conditions(self) -> list[Condition]:
        """The conditions that the settings ask for, in their order."""

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        """Return the rows that meet every condition; a test's UnusableError makes a bad row."""
        kept = []
        for index, row in enumerate(batch.rows):
            try:
                failed = next((name for name, holds in self.conditions if not holds(row)), None)
            except UnusableError as error:
                stats.bad(batch.numbers[index], f"{error}; `{self.step_name}` needs it")
                continue
            if failed is None:
                kept.append(index)
            else:
                stats.drop(failed)
        return batch if len(kept) == len(batch) else batch.take(kept)


def check_dropped(
    dropped: int,
    given: int,
    limit: float,
    *,
    unit: str = "row",
    setting: str = "max_dropped",
    reasons: dict[str, int] | None = None,
    why: str = "dropped",
) -> None:
    """Raise StepError if `dropped` is more than the share `limit` of the `given` rows."""
    if dropped <= limit * given:
        return
    listed = ", ".join(f"{name} {count:,}" for name, count in (reasons or {}).items() if count)
    share = f"{dropped / given:.1%}" + (f": {listed}" if listed else "")
    raise StepError(
        f"{dropped:,} of {plural(given, unit)} {why} ({share}), more than {{setting}} allows "
        f"({limit:.1%}); check the input, or raise {{setting}}",
        setting=setting,
    )
