"""Datasets in the report: their contents, findings, and changes since runs used them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock.checks import check
from penstock.errors import ConfigError, PenstockError
from penstock.findings import DatasetFindings
from penstock.manifest import Manifest, manifest_path, read_manifest
from penstock.recipes import SummaryTable, summary_tables
from penstock.report.chart_data import LineChartData, histograms_of
from penstock.report.results import ResultRow


@dataclass(frozen=True)
class ReportedDataset:
    """A dataset as it is now.

    `changes` has a sentence for each difference from what runs used, or for why the dataset cannot
    be checked; then `findings` is None. `tables` and `histograms` come from its manifest.
    """

    path: str
    changes: list[str]
    findings: DatasetFindings | None = None
    tables: list[SummaryTable] = field(default_factory=list)
    histograms: list[LineChartData] = field(default_factory=list)


def datasets_of_runs(rows: Sequence[ResultRow]) -> list[ReportedDataset]:
    """Return every dataset that a run used; a synthetic one is checked against its original."""
    manifests: dict[str, dict[str, Manifest]] = {}
    originals: dict[str, str | None] = {}
    for row in rows:
        for use in row.record.datasets:
            manifests.setdefault(use.path, {})[use.manifest.content_hash] = use.manifest
            if use.role == "synthetic":
                originals[use.path] = row.record.config.data.original
    return [
        _reported(path, list(used.values()), originals.get(path))
        for path, used in manifests.items()
    ]


def datasets_at(paths: Sequence[Path]) -> list[ReportedDataset]:
    """Return datasets by path; raises ConfigError for one that does not exist."""
    for path in paths:
        if not _exists(path):
            raise ConfigError(
                "there is no dataset; name a dataset's directory or prefix", file=path
            )
    return [_reported(str(path), [], None) for path in paths]


def _exists(path: Path) -> bool:
    return path.is_dir() or manifest_path(path).is_file()


def _reported(name: str, used: Sequence[Manifest], original: str | None) -> ReportedDataset:
    path = Path(name)
    if not _exists(path):
        return ReportedDataset(name, ["does not exist any more"])
    changes = []
    if len(used) > 1:
        changes.append(f"runs used {len(used)} different states of it")
    for manifest in used:
        changes += [f"{entry.path} {how}" for entry, how in manifest.mismatches(path)]
    try:
        current = read_manifest(path)
        checked = check(name, against=original)
    except PenstockError as error:
        return ReportedDataset(name, [*changes, f"cannot be checked: {error}"])
    # The check also covers datasets in subdirectories, such as versions.
    findings = next((found for found in checked.datasets if Path(found.path) == path), None)
    tables = summary_tables(current) if current else []
    histograms = list(histograms_of(current)) if current else []
    return ReportedDataset(name, changes, findings, tables, histograms)
