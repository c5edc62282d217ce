"""Kinds of finding, and the collector that makes one finding of many places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from penstock.findings import Finding, Severity

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True)
class Code:
    """A kind of finding: its stable name, how much it matters, and what to do about it."""

    name: str
    severity: Severity
    fix: str


class Collector:
    """Gathers what was found; places of one kind in one file (and group) become one finding."""

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
        """Note `count` places, the first of them at `line`.

        The message and the fix of a finding are those of the first place that was noted. `group`
        keeps places apart that share a code and a file, such as those of different fields.
        """
        name = str(file) if file is not None else None
        key = (code.name, name, group)
        if (known := self._findings.get(key)) is not None:
            self._findings[key] = replace(known, count=known.count + count)
            return
        self._findings[key] = Finding(
            code=code.name,
            severity=code.severity,
            message=message,
            fix=fix or code.fix,
            file=name,
            line=line,
            count=count,
        )

    def findings(self) -> list[Finding]:
        """Return the findings: errors first, then by code, file and line."""
        return sorted(
            self._findings.values(),
            key=lambda f: (_RANK[f.severity], f.code, f.file or "", f.line or 0, f.message),
        )
