"""Checks of data, one module per format.

`check(paths)` runs every check; `show(path)` returns the first rows of one dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from penstock.checks._base import Check, CheckOptions, FormatCheck
from penstock.checks._show import Shown, ShownRow, show
from penstock.errors import ConfigError, DataError, did_you_mean_path
from penstock.files import natural_path_key
from penstock.findings import CheckReport, Collector, DatasetFindings
from penstock.registry import Registry

__all__ = [
    "CHECKS",
    "Check",
    "CheckOptions",
    "FormatCheck",
    "Shown",
    "ShownRow",
    "check",
    "show",
]

CHECKS: Registry[Check] = Registry("check", "penstock.checks", "CHECK")


def check(
    paths: Path | str | Sequence[Path | str],
    *,
    against: Path | str | None = None,
    full: bool = False,
    tokenizer: Path | str | None = None,
) -> CheckReport:
    """Check every dataset at or below `paths`, in the order of the paths. Nothing is written.

    `against` is the original of synthetic data: a dataset, or a directory with one per dataset
    found. Large token datasets are sampled, which a finding reports; `full` reads every byte.
    `tokenizer` is for token datasets whose manifest names none.

    Raises ConfigError for a path that does not exist or holds no dataset, for a dataset without a
    counterpart in `against`, and for a tokenizer that cannot be loaded; DataError for an original
    that cannot be read.
    """
    listed = [paths] if isinstance(paths, Path | str) else list(paths)
    if not listed:
        raise ConfigError("name at least one path to check")
    options = CheckOptions(
        against=_existing(against) if against is not None else None,
        full=full,
        tokenizer=_existing(tokenizer) if tokenizer is not None else None,
    )
    report = CheckReport()
    seen: set[tuple[str, Path]] = set()
    for path in listed:
        for format, dataset in _find(Path(path)):
            identity = (format, dataset.resolve())
            if identity not in seen:
                seen.add(identity)
                report.datasets.append(_check_dataset(format, dataset, options))
    return report


def _find(path: Path) -> list[tuple[str, Path]]:
    """Return the datasets at or below a path, or at a prefix of file names, with their formats."""
    checks = {name: CHECKS.get(name) for name in CHECKS.names()}
    found = [(name, dataset) for name, check in checks.items() for dataset in check.find(path)]
    if found:
        return sorted(found, key=lambda pair: (natural_path_key(pair[1]), pair[0]))
    if _existing(path).is_file():
        raise ConfigError("is a file; name the directory of its dataset", file=path)
    known = "; ".join(f"{name}: {check.looks_like}" for name, check in checks.items())
    raise ConfigError(f"holds no dataset of a known format ({known})", file=path)


def _check_dataset(format: str, dataset: Path, options: CheckOptions) -> DatasetFindings:
    check = CHECKS.get(format)
    if options.against is not None and not check.compares:
        raise ConfigError(f"is {format}; --against compares task data only", file=dataset)
    collector = Collector()
    try:
        rows = check.check(dataset, collector, options)
    except OSError as error:
        file = error.filename or str(dataset)
        raise DataError(f"cannot be read: {error.strerror}", file=file) from None
    return DatasetFindings(str(dataset), format, rows, collector.findings())


def _existing(path: Path | str) -> Path:
    path = Path(path)
    if path.exists():
        return path
    if path.is_symlink():
        raise ConfigError(f"is a link to {path.readlink()}, which does not exist", file=path)
    raise ConfigError(f"there is no such path{did_you_mean_path(path)}", file=path)
