"""Datasets as they are now: what they hold, what a check finds, whether runs used just that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock.checks import check
from penstock.errors import ConfigError, PenstockError
from penstock.findings import DatasetFindings
from penstock.manifest import Manifest, manifest_path, read_manifest
from penstock.recipes import SummaryTable, summary_tables
from penstock.report.histograms import Histograms, histograms_of
from penstock.report.results import ResultRow


@dataclass(frozen=True)
class UsedData:
    """A dataset that runs used. `findings` is None where it cannot be checked any more.

    `changes` says in sentences what is not as it was, or why there are no findings. `tables` and
    `histograms` are told from its manifest.
    """

    path: str
    changes: list[str]
    findings: DatasetFindings | None
    tables: list[SummaryTable] = field(default_factory=list)
    histograms: list[Histograms] = field(default_factory=list)


def used_data(rows: Sequence[ResultRow]) -> list[UsedData]:
    """Return every dataset that a run used, checked, a synthetic one against its original."""
    manifests: dict[str, dict[str, Manifest]] = {}
    originals: dict[str, str | None] = {}
    for row in rows:
        for use in row.record.datasets:
            manifests.setdefault(use.path, {})[use.manifest.content_hash] = use.manifest
            if use.role == "synthetic":
                originals[use.path] = row.record.config.data.original
    return [
        _used(path, list(used.values()), originals.get(path)) for path, used in manifests.items()
    ]


def named_data(paths: Sequence[Path]) -> list[UsedData]:
    """Return datasets by their paths; raises ConfigError for one that is not there."""
    for path in paths:
        if not path.is_dir() and not manifest_path(path).is_file():
            raise ConfigError("no dataset is there; name its directory, or its prefix", file=path)
    return [_used(str(path), [], None) for path in paths]


def _used(path: str, manifests: Sequence[Manifest], original: str | None) -> UsedData:
    if not Path(path).is_dir() and not manifest_path(Path(path)).is_file():
        return UsedData(path, ["is not there any more"], None)
    changes = []
    if len(manifests) > 1:
        changes.append(f"runs used {len(manifests)} different states of it")
    for manifest in manifests:
        changes += [f"{entry.path} {how}" for entry, how in manifest.mismatches(Path(path))]
    try:
        now = read_manifest(Path(path))
        report = check(path, against=original)
    except PenstockError as error:
        return UsedData(path, [*changes, f"cannot be checked: {error}"], None)
    # Versions that lie below a dataset are datasets of their own.
    own = [found for found in report.datasets if Path(found.path) == Path(path)]
    used = UsedData(path, changes, own[0] if own else None)
    if now is not None:
        used.tables.extend(summary_tables(now))
        used.histograms.extend(histograms_of(now))
    return used
