"""Findings about data, one checker per format, and a look at its rows.

`check(paths)` asks every checker; `show(path)` gives the first rows of one dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.checks._base import Checker, CheckOptions
from penstock.checks._show import Shown, ShownRow, show
from penstock.errors import ConfigError, DataError, did_you_mean_beside
from penstock.files import natural_path_key
from penstock.findings import CheckReport, DatasetFindings
from penstock.registry import Registry

__all__ = ["CHECKERS", "CheckOptions", "Checker", "Shown", "ShownRow", "check", "show"]

CHECKERS: Registry[Checker[Any]] = Registry("checker", "penstock.checks", "CHECKER")


def check(
    paths: Path | str | Sequence[Path | str],
    *,
    against: Path | str | None = None,
    full: bool = False,
    tokenizer: Path | str | None = None,
) -> CheckReport:
    """Check every dataset at or below `paths`, in the order of the paths.

    `against` is the original of synthetic data: a dataset, or a directory that holds one for each
    dataset found. Of large token datasets a part is read, which a finding names; `full` reads every
    byte. `tokenizer` is that of token datasets whose manifest names none. Nothing is written.

    Raises ConfigError for a path that is not there or holds nothing known, where `against` has no
    counterpart of a dataset, and for a tokenizer that is none; DataError where the original cannot
    be read.
    """
    listed = [paths] if isinstance(paths, Path | str) else list(paths)
    if not listed:
        raise ConfigError("name at least one path to check")
    options = CheckOptions(
        against=_existing(against) if against is not None else None,
        full=full,
        tokenizer=_existing(tokenizer) if tokenizer is not None else None,
    )
    checkers = [CHECKERS.get(name) for name in CHECKERS.names()]
    report = CheckReport()
    seen: set[tuple[str, Path]] = set()
    for path in map(Path, listed):
        for checker, dataset in _found(path, checkers):
            identity = (checker.format, dataset.path.resolve())
            if identity not in seen:
                seen.add(identity)
                report.datasets.append(_checked(checker, dataset, options))
    return report


def _found(path: Path, checkers: Sequence[Checker[Any]]) -> list[tuple[Checker[Any], Any]]:
    """Return the datasets at or below a path, or at a prefix of file names, with their checkers."""
    found = [(checker, dataset) for checker in checkers for dataset in checker.find(path)]
    if not found:
        raise ConfigError(_nothing_known(_existing(path), checkers), file=path)
    return sorted(found, key=lambda pair: (natural_path_key(pair[1].path), pair[0].format))


def _checked(checker: Checker[Any], dataset: Any, options: CheckOptions) -> DatasetFindings:
    try:
        return checker.check(dataset, options)
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
