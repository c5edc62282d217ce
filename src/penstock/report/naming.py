"""How a comparison calls what its runs have, and what it may never average over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from penstock.errors import ConfigError, did_you_mean
from penstock.report.results import ResultRow
from penstock.runs import varying
from penstock.tasks import benchmark_task, task_kind

#: What joins the keys of a comparison when runs differ in it.
NEVER_AVERAGED = ("task", "model", "data", "method", "trainer")
#: Joins them where runs that would share a group differ in it: losses over other tokens are other
#: quantities, and the lowest of them is no choice.
TOKENS = "evaluation_tokens"

_Content = tuple[str, ...]


class Naming:
    """Names models and data so that one name never stands for two things.

    The label is the name; where several models or datasets of a task have one label (data that was
    made again, two directories named `model`), the first digits of their hashes tell them apart.
    """

    def __init__(self, rows: Iterable[ResultRow]) -> None:
        self._contents: dict[tuple[str, str, str], set[_Content]] = defaultdict(set)
        for row in rows:
            columns = row.columns()
            for key in ("model", "data"):
                self._contents[row.task, key, columns[key]].add(_content(row, key))

    def value(self, row: ResultRow, key: str) -> Any:
        """Return what the run has under the name of a column; None where it has no such."""
        if key == TOKENS:
            return row.record.result.evaluation_tokens if row.record.result else None
        value = row.columns().get(key)
        if len(self._contents.get((row.task, key, str(value)), ())) < 2:
            return value
        words = [_short(part) for part in _content(row, key) if part]
        return f"{value} ({' '.join(words)})"

    def notes(self) -> list[str]:
        """Return a sentence for each label that stands for several things."""
        return [
            f"{task}: {len(contents)} different {'models' if key == 'model' else 'sets of data'} "
            f"are called '{label}'; their hashes tell them apart"
            for (task, key, label), contents in sorted(self._contents.items())
            if len(contents) > 1
        ]


def keys_of(
    rows: Sequence[ResultRow], by: Sequence[str], naming: Naming
) -> tuple[list[str], list[str]]:
    """Return the keys to compare by, with those that are never averaged over, and notes on them.

    Raises ConfigError for a name that no run has, and for none at all.
    """
    known = {name: None for row in rows for name in [*row.columns(), TOKENS]}
    for key in by:
        if key not in known:
            hint = did_you_mean(key, known) or f"; they have {', '.join(known)}"
            raise ConfigError(f"runs have no '{key}'{hint}", field="--by")
    if not by:
        raise ConfigError(f"names nothing; runs have {', '.join(known)}", field="--by")
    keys = list(dict.fromkeys(by))
    notes = []
    for key in NEVER_AVERAGED:
        if key not in keys and len({naming.value(row, key) for row in rows}) > 1:
            keys.append(key)
            notes.append(f"runs differ in their {key}, which is never averaged over: added to --by")
    if mixed := _groups_of_several_tokens(rows, keys, naming):
        keys.append(TOKENS)
        names = [
            name
            for name in varying(row.record.config for group in mixed for row in group)
            if all(_decides_tokens(group, name, naming) for group in mixed)
        ]
        notes.append(
            "runs differ in the answer tokens that their loss is the mean of"
            + (f" (by their {', '.join(names)})" if names else "")
            + f", and are no settings to choose among: {TOKENS} added to --by"
        )
    return keys, notes


def _groups_of_several_tokens(
    rows: Sequence[ResultRow], keys: Sequence[str], naming: Naming
) -> list[list[ResultRow]]:
    """Return the groups whose losses are means over other numbers of tokens."""
    groups: dict[tuple[Any, ...], list[ResultRow]] = defaultdict(list)
    for row in rows:
        groups[tuple(naming.value(row, key) for key in keys)].append(row)
    return [g for g in groups.values() if len({naming.value(row, TOKENS) for row in g}) > 1]


def _decides_tokens(group: Sequence[ResultRow], name: str, naming: Naming) -> bool:
    """Say whether runs of one value have one number of tokens."""
    seen = {(row.columns().get(name), naming.value(row, TOKENS)) for row in group}
    return len(seen) == len({value for value, _ in seen})


def setting(row: ResultRow) -> tuple[Any, ...]:
    """Return what decides a run but its seed: equal for runs whose scores may be averaged."""
    config = row.record.config
    values = {name: value for name, value in config.hyperparameters.items() if name != "seed"}
    contents = (_content(row, "model"), _content(row, "data"))
    return (config.trainer, config.task, config.method, *contents, *sorted(values.items()))


def _content(row: ResultRow, key: str) -> _Content:
    """Return what a label stands for: the model's hash, or the mix and the hashes of the data.

    The entries that are chosen of a chat dataset tell it from the rest of the same directory.
    """
    record = row.record
    if key == "model":
        return (record.model.sha256 or record.config.model,)
    mix = record.config.data.mix
    hashes = (use.manifest.content_hash for use in record.datasets)
    # The mix of the original alone is the same data as the original by its path.
    entries = (f"{split} {names}" for split, names in record.config.data.entries.items())
    return ("" if mix in (None, "original") else mix, *hashes, *entries)


def _short(part: str) -> str:
    """Return the first digits of a hash, and anything else as it is."""
    digits = part.removeprefix("sha256:")
    return part if digits == part else digits[:8]


def evaluated_on(row: ResultRow) -> tuple[Any, ...]:
    """Return what tells the evaluation rows of a run: equal where scores are of the same rows."""
    config, result = row.record.config, row.record.result
    use = row.record.datasets[0]  # the only one, or the original
    split = result.evaluation_split if result else "validation"
    if task_kind(row.task) == "benchmark":
        name = benchmark_task(row.task).file_name(split)
        hashes = [e.sha256 for e in use.manifest.files if e.path == name]
    elif split in config.data.entries:
        hashes = []  # of files that the manifest may not tell from others
    else:
        hashes = [e.sha256 for e in use.manifest.files if e.split == split]
    known = hashes or [use.manifest.content_hash, config.data.entries.get(split, "")]
    return (row.task, *known, result.evaluation_rows if result else None)
