"""How many rows a step of a build kept and dropped, and what else it counted."""

from __future__ import annotations

from dataclasses import dataclass, field

#: The name of the first report of a build: rows that the sources read.
READ = "read"
#: The name of the last one: rows that the format of the dataset stores.
STORE = "store"
#: Why a row was dropped that a source or a step cannot use (`on_error: skip`).
UNUSABLE = "unusable"


@dataclass
class StepReport:
    """What one step did to the rows (or units) it was given; `kept` counts what it returned.

    `dropped` has the count of each reason, `noted` everything else that the step counted.
    """

    name: str
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    noted: dict[str, int] = field(default_factory=dict)

    @property
    def total_dropped(self) -> int:
        """The number of dropped rows."""
        return sum(self.dropped.values())

    @property
    def dropped_share(self) -> float:
        """Dropped rows as a share of the rows that the step was given."""
        given = self.kept + self.total_dropped
        return self.total_dropped / given if given else 0.0

    def drop(self, reason: str, count: int = 1) -> None:
        """Add rows dropped for a reason."""
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def note(self, what: str, count: int = 1) -> None:
        """Add to another counter of the step."""
        if count:
            self.noted[what] = self.noted.get(what, 0) + count

    def add(self, other: StepReport) -> None:
        """Add the counts of the same step from another part of the input, or another split."""
        self.kept += other.kept
        for reason, count in other.dropped.items():
            self.drop(reason, count)
        for what, count in other.noted.items():
            self.note(what, count)
