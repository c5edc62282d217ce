"""A dataset in tables, told from its manifest: for the terminal, the card and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from penstock.errors import ConfigError
from penstock.formats import FORMATS, View
from penstock.manifest import Manifest
from penstock.recipes.fates import StepFate, fates_of
from penstock.splits import SPLIT_NAMES

#: What the counts say of each view besides its rows.
_SIZES = ("tokens", "bytes", "padding")


@dataclass(frozen=True)
class SummaryTable:
    """A table whose cells are texts. `title` says what it is about."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def figures(self) -> list[bool]:
        """Say of each column whether it holds figures, which stand on the right."""
        columns = list(zip(*self.rows, strict=True))
        return [any(column) and not "".join(column).strip("0123456789,. %") for column in columns]


def summary_tables(manifest: Manifest) -> list[SummaryTable]:
    """Return the tables of a dataset that have rows: steps, rows, lengths."""
    tables = [steps_table(manifest), rows_table(manifest), lengths_table(manifest)]
    return [table for table in tables if table.rows]


def steps_table(manifest: Manifest) -> SummaryTable:
    """Return what each step kept and dropped, in the order in which it happened."""
    rows = [_step_row(fate) for fate in fates_of(manifest)]
    told = [row for row in rows if any(row[1:])]
    return SummaryTable("Steps", ("step", "kept", "dropped", "share", "of which"), told)


def _step_row(fate: StepFate) -> tuple[str, ...]:
    dropped = sorted(fate.dropped.items(), key=lambda item: -item[1])
    said = [f"{name} {count:,}" for name, count in (*dropped, *fate.noted.items()) if count]
    if fate.dropped.keys() == {"dropped"}:  # the column says it
        said = said[1:] if fate.lost else said
    if fate.kept is None:
        return fate.step, "", "", "", ", ".join(said)
    share = percent(fate.share) if fate.lost else ""
    return fate.step, f"{fate.kept:,}", f"{fate.lost:,}", share, ", ".join(said)


def rows_table(manifest: Manifest) -> SummaryTable:
    """Return the rows of each split and, where the format has them, of parts of splits.

    Those of some sources alone have their share of what the splits hold in all.
    """
    counts = manifest.counts
    views = [view for view in views_of(manifest) if f"{view.name}.rows" in counts]
    whole = {view.splits: counts[f"{view.name}.rows"] for view in views if view.sources is None}
    sizes = [size for size in _SIZES if any(f"{view.name}.{size}" in counts for view in views)]
    # What `mix` leaves out or repeats is in the parts, and not in the whole.
    parts = any(view.sources is not None for view in views) and "mix.dropped" not in counts
    rows = []
    for view in views:
        count = counts[f"{view.name}.rows"]
        cells = [_name_of(view), f"{count:,}"]
        if parts:
            of = whole.get(view.splits, 0) if view.sources is not None else 0
            cells.append(percent(count / of) if of else "")
        rows.append([*cells, *(f"{counts.get(f'{view.name}.{size}', 0):,}" for size in sizes)])
    return SummaryTable("Rows", ("", "rows", *(["share"] if parts else []), *sizes), rows)


def _name_of(view: View) -> str:
    """Return the name of a view, with the splits where it does not say them."""
    plain = view.sources is not None or view.splits == (view.name,)
    return view.name if plain else f"{view.name} ({' + '.join(view.splits)})"


def views_of(manifest: Manifest) -> Sequence[View]:
    """Return the views that the format of a build made; the splits where that cannot be told."""
    settings = dict(manifest.recipe.get("format") or {})
    try:
        form = FORMATS.get(settings.pop("kind", manifest.format)).model_validate(settings)
        return form.views(SPLIT_NAMES, tuple(manifest.recipe.get("sources", ())))
    except (ConfigError, ValidationError):  # of another version, or of a package that is not here
        return [View(split, (split,)) for split in SPLIT_NAMES]


def lengths_table(manifest: Manifest) -> SummaryTable:
    """Return what the step `statistics` measured: pairs or rows, words and edit distances."""
    groups = manifest.statistics.get("groups", [])
    names = [name for name in _measures(groups) if not name.endswith(".characters")]
    # What has two sides is a pair, and may become two rows.
    columns = ["split", "source", "pairs" if "edit" in names else "rows", "share"]
    for name in names:
        columns += [name.replace(".", " "), "p95", "max"]
    return SummaryTable("Lengths", columns, [list(_length_row(g, groups, names)) for g in groups])


def _length_row(
    group: Mapping[str, Any], groups: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> Iterator[str]:
    of_split = [each for each in groups if each["split"] == group["split"] and each["source"]]
    yield group["split"]
    yield group["source"] or "all"
    yield f"{group['rows']:,}"
    yield percent(group["rows"] / sum(each["rows"] for each in of_split))
    for name in names:
        measure = group["measures"][name]
        is_length = isinstance(measure["max"], int)
        yield f"{measure['mean']:,.1f}" if is_length else f"{measure['mean']:.2f}"
        for key in ("p95", "max"):
            yield f"{measure[key]:,}" if is_length else f"{measure[key]:.2f}"


def _measures(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group["measures"]))


def percent(share: float) -> str:
    """Return a share for people: `30.4 %`."""
    return f"{100 * share:.1f} %"
