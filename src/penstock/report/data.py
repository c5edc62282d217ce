"""The data of runs as it is now: whether it is still what they used, and what a check finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.checks import check
from penstock.errors import PenstockError
from penstock.findings import DatasetFindings
from penstock.manifest import Manifest
from penstock.report.results import ResultRow


@dataclass(frozen=True)
class UsedData:
    """A dataset that runs used. `findings` is None where it cannot be checked any more.

    `changes` says in sentences what is not as it was, or why there are no findings.
    """

    path: str
    changes: list[str]
    findings: DatasetFindings | None


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


def _used(path: str, manifests: Sequence[Manifest], original: str | None) -> UsedData:
    if not Path(path).is_dir():
        return UsedData(path, ["is not there any more"], None)
    changes = []
    if len(manifests) > 1:
        changes.append(f"runs used {len(manifests)} different states of it")
    for manifest in manifests:
        changes += [f"{entry.path} {how}" for entry, how in manifest.mismatches(Path(path))]
    try:
        report = check(path, against=original)
    except PenstockError as error:
        return UsedData(path, [*changes, f"cannot be checked: {error}"], None)
    # Versions that lie below a dataset are datasets of their own.
    own = [found for found in report.datasets if Path(found.path) == Path(path)]
    return UsedData(path, changes, own[0] if own else None)
