"""What a check found: one form for every format, in Python and in JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding matters: an error fails the check, a warning and an info do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One thing a check found.

    `file` and `line` (from 1) name the first place, `count` how many places there are, `fix` what
    to do about it.
    """

    code: str
    severity: Severity
    message: str
    fix: str
    file: str | None = None
    line: int | None = None
    count: int = 1


@dataclass
class DatasetFindings:
    """What was found in one dataset."""

    path: str
    format: str
    rows: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when no error stands."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    def count(self, severity: Severity) -> int:
        """Return how many findings have this severity."""
        return sum(finding.severity is severity for finding in self.findings)


@dataclass
class CheckReport:
    """The result of a check: `ok` is true when no dataset has an error."""

    datasets: list[DatasetFindings] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when no error stands in any dataset."""
        return all(dataset.ok for dataset in self.datasets)

    def to_dict(self) -> dict[str, Any]:
        """Return the form that `--format json` prints."""
        keys = ("code", "severity", "file", "line", "count", "message", "fix")
        return {
            "ok": self.ok,
            "datasets": [
                {
                    "path": dataset.path,
                    "format": dataset.format,
                    "rows": dataset.rows,
                    "findings": [
                        {key: asdict(finding)[key] for key in keys} for finding in dataset.findings
                    ],
                }
                for dataset in self.datasets
            ],
        }
