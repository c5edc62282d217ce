"""The findings of a check, in one form for every format."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any


class Severity(StrEnum):
    """How serious a finding is. Only an error fails the check."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check found.

    `file` and `line` (from 1) locate the first of `count` occurrences, which `message` describes.
    """

    code: str
    severity: Severity
    file: str | None = None
    line: int | None = None
    count: int = 1
    message: str
    fix: str


@dataclass(frozen=True)
class Code:
    """A kind of finding: its stable name, its severity and the usual fix."""

    name: str
    severity: Severity
    fix: str

    @classmethod
    def error(cls, name: str, fix: str) -> Code:
        """Return the code of an error."""
        return cls(name, Severity.ERROR, fix)

    @classmethod
    def warning(cls, name: str, fix: str) -> Code:
        """Return the code of a warning."""
        return cls(name, Severity.WARNING, fix)

    @classmethod
    def info(cls, name: str, fix: str) -> Code:
        """Return the code of an info."""
        return cls(name, Severity.INFO, fix)


class Collector:
    """Collects findings; occurrences of one code in one file (and group) become one finding."""

    def __init__(self) -> None:
        self._findings: dict[tuple[str, str | None, str], Finding] = {}

    def add(
        self,
        code: Code,
        message: str,
        *,
        file: Path | None = None,
        line: int | None = None,
        count: int = 1,
        fix: str | None = None,
        group: str = "",
    ) -> None:
        """Add `count` occurrences, the first of them at `line`.

        A finding keeps the message, line and fix of its first occurrence. Occurrences with another
        `group`, such as those of another field, are another finding.
        """
        name = str(file) if file is not None else None
        key = (code.name, name, group)
        if (known := self._findings.get(key)) is not None:
            self._findings[key] = replace(known, count=known.count + count)
        else:
            self._findings[key] = Finding(
                code=code.name,
                severity=code.severity,
                file=name,
                line=line,
                count=count,
                message=message,
                fix=fix or code.fix,
            )

    def findings(self) -> list[Finding]:
        """Return the findings: errors first, then by code, file and line."""
        order = list(Severity)
        return sorted(
            self._findings.values(),
            key=lambda f: (order.index(f.severity), f.code, f.file or "", f.line or 0, f.message),
        )


@dataclass
class DatasetFindings:
    """The findings about one dataset."""

    path: str
    format: str
    rows: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if there is no error."""
        return self.count(Severity.ERROR) == 0

    def count(self, severity: Severity) -> int:
        """Return the number of findings of this severity."""
        return sum(finding.severity is severity for finding in self.findings)


@dataclass
class CheckReport:
    """The result of a check."""

    datasets: list[DatasetFindings] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if no dataset has an error."""
        return all(dataset.ok for dataset in self.datasets)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that `--format json` prints."""
        return {"ok": self.ok, **asdict(self)}
