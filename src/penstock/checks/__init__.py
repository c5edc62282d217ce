"""Findings about data: one checker per format. `check(paths)` asks every one of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.checks._base import Checker
from penstock.errors import ConfigError, DataError, did_you_mean_beside
from penstock.files import natural_path_key
from penstock.findings import CheckReport, DatasetFindings
from penstock.registry import Registry

__all__ = ["CHECKERS", "Checker", "check"]

CHECKERS: Registry[Checker[Any]] = Registry("checker", "penstock.checks", "CHECKER")


def check(
    paths: Path | str | Sequence[Path | str], *, against: Path | str | None = None
) -> CheckReport:
    """Check every dataset at or below `paths`, in the order of the paths.

    `against` is the original of synthetic data: a dataset, or a directory that holds one for each
    dataset found. Nothing is written.

    Raises ConfigError for a path that is not there or holds nothing known, and where `against`
    has no counterpart of a dataset; DataError where the original cannot be read.
    """
    listed = [paths] if isinstance(paths, Path | str) else list(paths)
    if not listed:
        raise ConfigError("name at least one path to check")
    original = _existing(against) if against is not None else None
    checkers = [CHECKERS.get(name) for name in CHECKERS.names()]
    report = CheckReport()
    seen: set[tuple[str, Path]] = set()
    for path in map(_existing, listed):
        found = [(checker, dataset) for checker in checkers for dataset in checker.find(path)]
        if not found:
            raise ConfigError(_nothing_known(path, checkers), file=path)
        found.sort(key=lambda pair: (natural_path_key(pair[1].path), pair[0].format))
        for checker, dataset in found:
            identity = (checker.format, dataset.path.resolve())
            if identity not in seen:
                seen.add(identity)
                report.datasets.append(_checked(checker, dataset, original))
    return report


def _checked(checker: Checker[Any], dataset: Any, original: Path | None) -> DatasetFindings:
    try:
        return checker.check(dataset, original)
    except OSError as error:
        place = error.filename or str(dataset.path)
        raise DataError(f"cannot be read: {error.strerror}", file=place) from None


def _existing(path: Path | str) -> Path:
    path = Path(path)
    if path.exists():
        return path
    if path.is_symlink():
        raise ConfigError(f"is a link to {path.readlink()}, which does not exist", file=path)
    raise ConfigError(f"there is no such path{did_you_mean_beside(path)}", file=path)


def _nothing_known(path: Path, checkers: Sequence[Checker[Any]]) -> str:
    if path.is_file():
        return "is a file; name the directory of its dataset"
    known = "; ".join(f"{checker.format}: {checker.looks_like}" for checker in checkers)
    return f"holds no dataset of a known format ({known})"
