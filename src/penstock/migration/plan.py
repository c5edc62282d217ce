"""A migration before it is carried out: reading only, in both trees."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from penstock.migration.destination import compare, leftovers
from penstock.migration.file_steps import Terms
from penstock.migration.left_behind import left_behind
from penstock.migration.selection import Selection, select
from penstock.migration.source import SourceTree, reading
from penstock.migration.steps import MigrationPlan


def plan_migration(
    src: Path | str,
    dst: Path | str,
    *,
    link: bool = False,
    pick: Mapping[str, str] | None = None,
    all_versions: Mapping[str, str] | None = None,
    replace: bool = False,
    only: Collection[str] = (),
) -> MigrationPlan:
    """Return what `migrate` would do with the same arguments; nothing is written.

    Raises what `migrate` raises before its first write.
    """
    terms = Terms(Path(src), Path(dst), "link" if link else "copy", replace)
    return plan_for(choose(terms, pick or {}, all_versions or {}, only), terms)


def choose(
    terms: Terms, pick: Mapping[str, str], all_versions: Mapping[str, str], only: Collection[str]
) -> Selection:
    """Read the source, and decide what of it is wanted."""
    with reading(terms.source):
        tree = SourceTree(terms.source)
        return select(tree, pick=pick, all_versions=all_versions, only=only)


def plan_for(selection: Selection, terms: Terms) -> MigrationPlan:
    """Compare what is wanted with the destination as it is now."""
    with reading(terms.source):
        left = tuple(left_behind(selection))
    with reading(terms.destination):
        datasets = compare(selection.wanted, terms)
        unfinished = tuple(leftovers(selection.wanted, terms.destination))
    removed = [f"{path} is removed; a killed migration left it unfinished" for path in unfinished]
    return MigrationPlan(
        source=terms.source,
        destination=terms.destination,
        mode=terms.mode,
        datasets=datasets,
        left_behind=left,
        leftovers=unfinished,
        notes=(*selection.notes, *removed),
    )
