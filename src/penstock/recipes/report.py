"""Tables about a built dataset, from its manifest: for the terminal, the card and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from penstock.errors import ConfigError
from penstock.formats import FORMATS, View
from penstock.manifest import BuildRecipe, Manifest
from penstock.splits import SPLIT_NAMES
from penstock.step_report import StepReport

#: The sizes of each view in `Manifest.counts`, besides its rows.
_SIZES = ("tokens", "bytes", "padding")


@dataclass(frozen=True)
class SummaryTable:
    """A titled table of text cells."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def numeric(self) -> list[bool]:
        """True for each column of numbers, which are aligned right."""
        columns = list(zip(*self.rows, strict=True))
        return [any(column) and not "".join(column).strip("0123456789,. %") for column in columns]


def summary_tables(manifest: Manifest) -> list[SummaryTable]:
    """Return the tables of a dataset that have rows: steps, rows, lengths."""
    tables = [steps_table(manifest), rows_table(manifest), lengths_table(manifest)]
    return [table for table in tables if table.rows]


def steps_table(manifest: Manifest) -> SummaryTable:
    """Return the rows kept and dropped by each step of a build, in order."""
    rows = [_step_row(report) for report in manifest.steps]
    return SummaryTable("Steps", ("step", "kept", "dropped", "share", "details"), rows)


def _step_row(report: StepReport) -> tuple[str, ...]:
    dropped = sorted(report.dropped.items(), key=lambda item: -item[1])
    details = [f"{name} {count:,}" for name, count in (*dropped, *report.noted.items()) if count]
    total = report.total_dropped
    share = percent(report.dropped_share) if total else ""
    return report.name, f"{report.kept:,}", f"{total:,}" if total else "", share, ", ".join(details)


def rows_table(manifest: Manifest) -> SummaryTable:
    """Return the rows of each split and, if the format has them, of single sources of splits.

    Those have their share of all rows of the splits.
    """
    counts = manifest.counts
    views = [view for view in views_of(manifest) if f"{view.name}.rows" in counts]
    totals = {view.splits: counts[f"{view.name}.rows"] for view in views if view.sources is None}
    sizes = [size for size in _SIZES if any(f"{view.name}.{size}" in counts for view in views)]
    # Rows that `mix` drops or repeats are in the views of single sources, and not in the splits.
    mixed = any(report.name == "mix" and report.dropped for report in manifest.steps)
    shares = any(view.sources is not None for view in views) and not mixed
    rows = []
    for view in views:
        count = counts[f"{view.name}.rows"]
        cells = [_title(view), f"{count:,}"]
        if shares:
            total = totals.get(view.splits, 0) if view.sources is not None else 0
            cells.append(percent(count / total) if total else "")
        rows.append([*cells, *(f"{counts.get(f'{view.name}.{size}', 0):,}" for size in sizes)])
    return SummaryTable("Rows", ("", "rows", *(["share"] if shares else []), *sizes), rows)


def _title(view: View) -> str:
    """Return the name of a view, with its splits if the name is not a split or source."""
    plain = view.sources is not None or view.splits == (view.name,)
    return view.name if plain else f"{view.name} ({' + '.join(view.splits)})"


def views_of(manifest: Manifest) -> Sequence[View]:
    """Return the views that the format of a build wrote; the splits if they are not known."""
    if isinstance(manifest.recipe, BuildRecipe):
        settings = dict(manifest.recipe.format)
        try:
            form = FORMATS.get(settings.pop("kind", manifest.format)).model_validate(settings)
            return form.views(SPLIT_NAMES, tuple(manifest.recipe.sources))
        except (ConfigError, ValidationError):  # of another version, or a missing package
            pass
    return [View(split, (split,)) for split in SPLIT_NAMES]


def lengths_table(manifest: Manifest) -> SummaryTable:
    """Return the measures of the step `statistics`: rows, words and edit distances."""
    groups = manifest.statistics.get("groups", [])
    names = list(dict.fromkeys(name for group in groups for name in group["measures"]))
    names = [name for name in names if not name.endswith(".characters")]
    # Rows with two sides are pairs, which `chat` can turn into two rows.
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


def percent(share: float) -> str:
    """Return a share as text: `30.4 %`."""
    return f"{100 * share:.1f} %"
