"""Which runs a comparison groups: labels, group columns, settings and evaluation rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from penstock.errors import ConfigError, did_you_mean
from penstock.report.results import ResultRow
from penstock.runs import varying_hyperparameters
from penstock.tasks import benchmark_task, task_kind

#: Added to the group columns if runs differ in it.
NEVER_AVERAGED = ("task", "model", "data", "method", "trainer")
#: Added to the group columns if runs of one group differ in it: losses averaged over different
#: tokens are different quantities, so the lowest of them cannot be chosen.
TOKENS = "evaluation_tokens"


class Labels:
    """Unambiguous labels of models and data.

    If several models, or several datasets of a task, have the same label (data that was made again,
    two directories named `model`), the first digits of their hashes are appended.
    """

    def __init__(self, rows: Iterable[ResultRow]) -> None:
        self._contents: dict[tuple[str, str, str], set[tuple[str, ...]]] = defaultdict(set)
        for row in rows:
            columns = row.columns()
            for column in ("model", "data"):
                self._contents[row.task, column, columns[column]].add(_content(row, column))

    def value(self, row: ResultRow, column: str) -> Any:
        """Return the run's value of a column; None if it has no such column."""
        if column == TOKENS:
            return row.record.result.evaluation_tokens if row.record.result else None
        value = row.columns().get(column)
        if len(self._contents.get((row.task, column, str(value)), ())) < 2:
            return value
        parts = [
            part.removeprefix("sha256:")[:8] if part.startswith("sha256:") else part
            for part in _content(row, column)
            if part
        ]
        return f"{value} ({' '.join(parts)})"

    def notes(self) -> list[str]:
        """Return a sentence for each label that several models or datasets have."""
        return [
            f"{task}: {len(contents)} different {'models' if column == 'model' else 'datasets'} "
            f"have the label '{label}'; their hashes are appended"
            for (task, column, label), contents in sorted(self._contents.items())
            if len(contents) > 1
        ]


def group_columns(
    rows: Sequence[ResultRow], by: Sequence[str], labels: Labels
) -> tuple[list[str], list[str]]:
    """Return the columns to group by, with those that are never averaged over, and notes on these.

    Raises ConfigError for a name that no run has, and if `by` is empty.
    """
    known = {name: None for row in rows for name in [*row.columns(), TOKENS]}
    for name in by:
        if name not in known:
            hint = did_you_mean(name, known) or f"; they have {', '.join(known)}"
            raise ConfigError(f"runs have no '{name}'{hint}", field="--by")
    if not by:
        raise ConfigError(f"names nothing; runs have {', '.join(known)}", field="--by")
    columns = list(dict.fromkeys(by))
    notes = []
    for name in NEVER_AVERAGED:
        if name not in columns and len({labels.value(row, name) for row in rows}) > 1:
            columns.append(name)
            notes.append(
                f"runs differ in their {name}, which is never averaged over: added to --by"
            )
    groups: dict[tuple[Any, ...], list[ResultRow]] = defaultdict(list)
    for row in rows:
        groups[tuple(labels.value(row, name) for name in columns)].append(row)
    mixed = [g for g in groups.values() if len({labels.value(row, TOKENS) for row in g}) > 1]
    if mixed:
        columns.append(TOKENS)
        causes = [
            name
            for name in varying_hyperparameters(row.record.config for g in mixed for row in g)
            if all(_determines_tokens(group, name, labels) for group in mixed)
        ]
        notes.append(
            "runs differ in the answer tokens that their loss is averaged over"
            + (f" (because of {', '.join(causes)})" if causes else "")
            + f", so none of them can be chosen: {TOKENS} added to --by"
        )
    return columns, notes


def _determines_tokens(group: Sequence[ResultRow], name: str, labels: Labels) -> bool:
    """Return True if runs with the same value of a hyperparameter have the same token count."""
    pairs = {(row.columns().get(name), labels.value(row, TOKENS)) for row in group}
    return len(pairs) == len({value for value, _ in pairs})


def setting_key(row: ResultRow) -> tuple[Any, ...]:
    """Return a key that is equal for runs that differ only in their seed."""
    config = row.record.config
    values = {name: value for name, value in config.hyperparameters.items() if name != "seed"}
    contents = (_content(row, "model"), _content(row, "data"))
    return (config.trainer, config.task, config.method, *contents, *sorted(values.items()))


def evaluation_set(row: ResultRow) -> tuple[Any, ...]:
    """Return a key, with the task first, that is equal for runs with the same evaluation rows."""
    config, result = row.record.config, row.record.result
    use = row.record.datasets[0]  # the only one, or the original
    split = result.evaluation_split if result else "validation"
    if task_kind(row.task) == "benchmark":
        name = benchmark_task(row.task).file_name(split)
        hashes = [e.sha256 for e in use.manifest.files if e.path == name]
    elif split in config.data.entries:
        hashes = []  # the manifest need not say which files belong to the entries
    else:
        hashes = [e.sha256 for e in use.manifest.files if e.split == split]
    contents = hashes or [use.manifest.content_hash, config.data.entries.get(split, "")]
    return (row.task, *contents, result.evaluation_rows if result else None)


def _content(row: ResultRow, column: str) -> tuple[str, ...]:
    """Return the identity of a label: the model's hash, or the data's mix, hashes and entries."""
    record = row.record
    if column == "model":
        return (record.model.sha256 or record.config.model,)
    mix = record.config.data.mix
    hashes = (use.manifest.content_hash for use in record.datasets)
    # Chat runs may use only some entries of a directory.
    entries = (f"{split} {names}" for split, names in record.config.data.entries.items())
    # A mix of only the original is the same data as the original by its path.
    return ("" if mix in (None, "original") else mix, *hashes, *entries)
