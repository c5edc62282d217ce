"""Which method, data, model is better: rates chosen on dev, scores reported on evaluation.

Runs that differ only in their seed are one setting. Within a group, the setting with the best mean
dev score (of a loss the lowest) is chosen, and the mean and the deviation of its evaluation scores
are reported: the evaluation rows never choose anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from penstock.config import short_value
from penstock.errors import ConfigError
from penstock.files import plural
from penstock.report.naming import Naming, evaluated_on, keys_of, setting
from penstock.report.results import ResultRow, results
from penstock.report.significance import SIGNIFICANCE, p_value
from penstock.runs import RunResult, less_is_better, merit, varying


@dataclass(frozen=True)
class Contender:
    """One group's best setting. Scores are from 0 to 1, losses in nats.

    `setting` are its values of what else the settings of its group differ in, such as a rank;
    `settings` is how many it was chosen among, `seeds` how many runs it has; `deviation` is the
    sample's over the seeds, None for one. `rows` are the evaluation rows, `p_value` is the
    probability that guessing scores as high on them; None for a score that is no share of right
    rows. `unfinished` runs of the group are not counted.
    """

    group: dict[str, Any]
    learning_rate: float
    setting: dict[str, Any]
    settings: int
    seeds: int
    dev_score: float
    score: float
    deviation: float | None
    metric: str
    chance: float | None
    rows: int
    p_value: float | None
    unfinished: int
    directories: list[str]

    @property
    def above_chance(self) -> bool | None:
        """True when guessing would hardly score as high; None where nothing can be guessed."""
        return None if self.p_value is None else self.p_value < SIGNIFICANCE

    def to_dict(self) -> dict[str, Any]:
        """Return one flat mapping: the group's values, and every field."""
        values = asdict(self)
        group = values.pop("group")
        return {**group, **values, "above_chance": self.above_chance}


@dataclass(frozen=True)
class Comparison:
    """The contenders, task by task, the best first, and what is worth knowing about them."""

    by: tuple[str, ...]
    contenders: list[Contender]
    notes: list[str] = field(default_factory=list)

    @property
    def score_name(self) -> str:
        """The metric of all contenders, or `score` where they have several."""
        metrics = {contender.metric for contender in self.contenders}
        return metrics.pop() if len(metrics) == 1 else "score"

    @property
    def of_shares(self) -> bool:
        """True when all scores are from 0 to 1."""
        return not any(less_is_better(contender.metric) for contender in self.contenders)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as `--format json` prints it: `by`, `contenders`, `notes`."""
        contenders = [contender.to_dict() for contender in self.contenders]
        return {"by": list(self.by), "contenders": contenders, "notes": self.notes}


def compare(
    root: Path | str = "Results",
    purpose: str | None = None,
    by: Sequence[str] = ("method", "data"),
) -> Comparison:
    """Compare the done runs below `root`, grouped by columns or hyperparameters.

    Raises ConfigError when there is no run that is done, or for a name in `by` that runs have not.
    """
    return compare_rows(results(root, purpose), by, Path(root) / (purpose or ""))


def compare_rows(rows: Sequence[ResultRow], by: Sequence[str], place: Path) -> Comparison:
    """Compare rows that are already read; `place` is where they came from, for the error."""
    done = [row for row in rows if row.done]
    if not done:
        raise ConfigError(
            f"holds {plural(len(rows), 'run')}, and none is done; see penstock results"
            if rows
            else "holds no runs",
            file=place,
        )
    naming = Naming(rows)
    keys, notes = keys_of(done, by, naming)
    groups: dict[tuple[Any, ...], list[ResultRow]] = {}
    for row in _tries_that_count(rows, per_purpose="purpose" in keys):
        groups.setdefault(tuple(naming.value(row, key) for key in keys), []).append(row)
    contenders = [
        _contender(dict(zip(keys, group, strict=True)), members)
        for group, members in groups.items()
        if any(row.done for row in members)
    ]
    contenders.sort(key=lambda c: (str(c.group.get("task")), -merit(c.metric, c.score)))
    notes += [*naming.notes(), *_unfinished_notes(groups), *_uneven_notes(contenders, done)]
    notes += _token_notes(done)
    return Comparison(tuple(keys), contenders, notes)


def _tries_that_count(rows: Iterable[ResultRow], *, per_purpose: bool) -> list[ResultRow]:
    """Return one run of each identity: one that is done, else the latest.

    The same run done twice, or for two purposes, is no second seed.
    """
    tries: dict[tuple[str, str | None], ResultRow] = {}
    for row in sorted(rows, key=lambda row: (row.done, row.record.started)):
        purpose = row.record.config.purpose if per_purpose else None
        tries[row.record.identity, purpose] = row
    return list(tries.values())


def _contender(group: dict[str, Any], rows: Sequence[ResultRow]) -> Contender:
    settings: dict[tuple[Any, ...], list[ResultRow]] = {}
    for row in rows:
        if row.done:
            settings.setdefault(setting(row), []).append(row)
    # Of equals the lower rate, then the one that was started first: the same every time.
    chosen = min(
        settings.values(),
        key=lambda members: (-_merit(members), members[0].learning_rate),
    )
    found = _results(chosen)
    scores = [result.score for result in found]
    score, first = mean(scores), found[0]
    chance = first.chance if first.metric == "accuracy" else None
    return Contender(
        group=group,
        learning_rate=chosen[0].learning_rate,
        setting={name: chosen[0].columns()[name] for name in _told_apart_by(rows, group)},
        settings=len(settings),
        seeds=len(chosen),
        dev_score=_mean_dev(chosen),
        score=score,
        deviation=stdev(scores) if len(scores) > 1 else None,
        metric=first.metric,
        chance=first.chance,
        rows=first.evaluation_rows,
        p_value=p_value(score, first.evaluation_rows, chance) if chance else None,
        unfinished=sum(not row.done for row in rows),
        directories=[str(row.directory.path) for row in chosen],
    )


def _told_apart_by(rows: Sequence[ResultRow], group: Mapping[str, Any]) -> list[str]:
    """Return what settings differ in besides the learning rate and what the group says."""
    told = {"learning_rate", "seed", *group}
    return [name for name in varying(row.record.config for row in rows) if name not in told]


def _results(rows: Sequence[ResultRow]) -> list[RunResult]:
    return [row.record.result for row in rows if row.record.result is not None]


def _merit(rows: Sequence[ResultRow]) -> float:
    """Return the mean dev score of a setting, higher for the better one."""
    return merit(_results(rows)[0].metric, _mean_dev(rows))


def _mean_dev(rows: Sequence[ResultRow]) -> float:
    return mean(result.dev_score for result in _results(rows))


def _unfinished_notes(groups: Mapping[tuple[Any, ...], Sequence[ResultRow]]) -> list[str]:
    """Say which runs are missing from the comparison."""
    notes = [
        f"{' '.join(map(short_value, group))}: 0 of {plural(len(members), 'run')} done"
        for group, members in groups.items()
        if not any(row.done for row in members)
    ]
    unfinished = sum(not row.done for members in groups.values() for row in members)
    if unfinished:
        notes.append(f"{plural(unfinished, 'run')} not done and not counted; see penstock results")
    return notes


def _uneven_notes(contenders: Sequence[Contender], done: Sequence[ResultRow]) -> list[str]:
    """Say where contenders cannot be held against one another as they are."""
    notes = []
    seeds = {contender.seeds for contender in contenders}
    if len(seeds) > 1:
        notes.append(f"contenders have between {min(seeds)} and {max(seeds)} seeds")
    for task, several in Counter(task for task, *_ in {evaluated_on(row) for row in done}).items():
        if several > 1:
            notes.append(f"{task}: scores are of {several} different sets of evaluation rows")
    return notes


def _token_notes(done: Sequence[ResultRow]) -> list[str]:
    """Say where losses are means over other answer tokens of the same rows."""
    tokens: dict[tuple[Any, ...], set[int | None]] = {}
    for row in done:
        for result in _results([row]):
            tokens.setdefault(evaluated_on(row), set()).add(result.evaluation_tokens)
    return [
        f"{task}: losses are means over different answer tokens of the same rows "
        f"({', '.join('unknown' if n is None else f'{n:,}' for n in sorted(counts, key=str))}) "
        "and cannot be held against one another"
        for (task, *_), counts in tokens.items()
        if len(counts) > 1
    ]
