"""Compare methods, data or models: settings chosen on dev rows, scores of evaluation rows.

Runs that differ only in their seed are one setting. In each group the setting with the best mean
dev score (the lowest, for a loss) is chosen; mean and standard deviation of its evaluation scores
are reported. Evaluation rows never influence a choice.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from penstock.config import short_value
from penstock.errors import ConfigError
from penstock.files import plural
from penstock.report.grouping import Labels, evaluation_set, group_columns, setting_key
from penstock.report.results import ResultRow, results
from penstock.runs import RunResult, score_for_ranking, varying_hyperparameters

#: A score with a lower p-value than this is reported as above chance.
SIGNIFICANCE = 0.01


@dataclass(frozen=True)
class Candidate:
    """The chosen setting of one group. Scores are from 0 to 1, losses in nats.

    `setting` has the values, besides the learning rate, in which the settings of the group differ.
    `settings` is how many settings it was chosen from, `seeds` how many runs it has; `deviation` is
    the sample standard deviation over the seeds, None for one seed. `rows` counts evaluation rows;
    `p_value` is the probability that guessing scores at least as high, None unless the metric is
    accuracy. `unfinished` counts the runs of the group that are not done and not included.
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
        """True if the score is significantly above chance; None if the metric has no chance."""
        return None if self.p_value is None else self.p_value < SIGNIFICANCE

    def to_dict(self) -> dict[str, Any]:
        """Return one flat mapping: the group's values, then every other field."""
        values = asdict(self)
        group = values.pop("group")
        return {**group, **values, "above_chance": self.above_chance}


@dataclass(frozen=True)
class Comparison:
    """The candidates by task, the best first, and notes on how far they are comparable."""

    by: tuple[str, ...]
    candidates: list[Candidate]
    notes: list[str] = field(default_factory=list)

    @property
    def score_name(self) -> str:
        """The metric of all candidates, or `score` if they have several."""
        metrics = {candidate.metric for candidate in self.candidates}
        return metrics.pop() if len(metrics) == 1 else "score"

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as `--format json` prints it: `by`, `candidates`, `notes`."""
        candidates = [candidate.to_dict() for candidate in self.candidates]
        return {"by": list(self.by), "candidates": candidates, "notes": self.notes}


def compare(
    root: Path | str = "Results",
    purpose: str | None = None,
    by: Sequence[str] = ("method", "data"),
) -> Comparison:
    """Compare the done runs below `root`, grouped by columns or hyperparameters.

    Raises ConfigError if no run is done or for a name in `by` that no run has.
    """
    return compare_rows(results(root, purpose), by, Path(root) / (purpose or ""))


def compare_rows(rows: Sequence[ResultRow], by: Sequence[str], root: Path) -> Comparison:
    """Compare rows that were read from `root`, which error messages name."""
    done = [row for row in rows if row.done]
    if not done:
        runs = plural(len(rows), "run")
        message = f"holds {runs}, none of them done; see penstock results"
        raise ConfigError(message if rows else "holds no runs", file=root)
    labels = Labels(rows)
    columns, notes = group_columns(done, by, labels)
    groups: dict[tuple[Any, ...], list[ResultRow]] = {}
    for row in _deduplicated(rows, per_purpose="purpose" in columns):
        groups.setdefault(tuple(labels.value(row, name) for name in columns), []).append(row)
    candidates = [
        _candidate(dict(zip(columns, group, strict=True)), members)
        for group, members in groups.items()
        if any(row.done for row in members)
    ]
    candidates.sort(key=lambda c: (str(c.group.get("task")), -score_for_ranking(c.metric, c.score)))
    notes += [*labels.notes(), *_notes(groups, candidates, done)]
    return Comparison(tuple(columns), candidates, notes)


def p_value(score: float, rows: int, chance: float) -> float:
    """Return the probability that guessing gets at least as many rows right (a binomial tail).

    `score` is the share of `rows` that are right, `chance` the probability that one guess is right.
    `score * rows` is rounded down: a mean over seeds need not be a whole number of rows.
    """
    from scipy.special import betainc

    right = math.floor(score * rows + 1e-6)
    # P(X >= k) for X ~ Binomial(n, p) is the regularized incomplete beta I_p(k, n - k + 1).
    return 1.0 if right == 0 else float(betainc(right, rows - right + 1, chance))


def _deduplicated(rows: Iterable[ResultRow], *, per_purpose: bool) -> list[ResultRow]:
    """Return one run per identity: the latest done one, or the latest if none is done.

    A repetition of a run, also for another purpose, does not count as another seed.
    """
    latest: dict[tuple[str, str | None], ResultRow] = {}
    for row in sorted(rows, key=lambda row: (row.done, row.record.started)):
        purpose = row.record.config.purpose if per_purpose else None
        latest[row.record.identity, purpose] = row
    return list(latest.values())


def _candidate(group: dict[str, Any], rows: Sequence[ResultRow]) -> Candidate:
    settings: dict[tuple[Any, ...], list[ResultRow]] = {}
    for row in rows:
        if row.done:
            settings.setdefault(setting_key(row), []).append(row)

    def preference(members: Sequence[ResultRow]) -> tuple[float, float]:
        metric = _results(members)[0].metric
        return -score_for_ranking(metric, _mean_dev_score(members)), members[0].learning_rate

    # Ties: the lower learning rate, then the setting that was started first.
    chosen = min(settings.values(), key=preference)
    chosen_results = _results(chosen)
    scores = [result.score for result in chosen_results]
    score, first = mean(scores), chosen_results[0]
    chance = first.chance if first.metric == "accuracy" else None
    varying = varying_hyperparameters(row.record.config for row in rows)
    columns = chosen[0].columns()
    return Candidate(
        group=group,
        learning_rate=chosen[0].learning_rate,
        setting={
            name: columns[name]
            for name in varying
            if name not in ("learning_rate", "seed") and name not in group
        },
        settings=len(settings),
        seeds=len(chosen),
        dev_score=_mean_dev_score(chosen),
        score=score,
        deviation=stdev(scores) if len(scores) > 1 else None,
        metric=first.metric,
        chance=first.chance,
        rows=first.evaluation_rows,
        p_value=p_value(score, first.evaluation_rows, chance) if chance else None,
        unfinished=sum(not row.done for row in rows),
        directories=[str(row.directory.path) for row in chosen],
    )


def _results(rows: Sequence[ResultRow]) -> list[RunResult]:
    return [row.record.result for row in rows if row.record.result is not None]


def _mean_dev_score(rows: Sequence[ResultRow]) -> float:
    return mean(result.dev_score for result in _results(rows))


def _notes(
    groups: Mapping[tuple[Any, ...], Sequence[ResultRow]],
    candidates: Sequence[Candidate],
    done: Sequence[ResultRow],
) -> list[str]:
    """Return which runs are missing, and what makes candidates hard to compare."""
    notes = [
        f"{' '.join(map(short_value, group))}: 0 of {plural(len(members), 'run')} done"
        for group, members in groups.items()
        if not any(row.done for row in members)
    ]
    if unfinished := sum(not row.done for members in groups.values() for row in members):
        notes.append(f"{plural(unfinished, 'run')} not done and not counted; see penstock results")
    seeds = {candidate.seeds for candidate in candidates}
    if len(seeds) > 1:
        notes.append(f"candidates have between {min(seeds)} and {max(seeds)} seeds")
    tokens: dict[tuple[Any, ...], set[int | None]] = {}
    for row in done:
        for result in _results([row]):
            tokens.setdefault(evaluation_set(row), set()).add(result.evaluation_tokens)
    for task, sets in Counter(task for task, *_ in tokens).items():
        if sets > 1:
            notes.append(f"{task}: scores are of {sets} different sets of evaluation rows")
    for (task, *_), counts in tokens.items():
        if len(counts) > 1:
            numbers = ["unknown" if n is None else f"{n:,}" for n in sorted(counts, key=str)]
            notes.append(
                f"{task}: losses are averaged over different answer tokens of the same rows "
                f"({', '.join(numbers)}) and are not comparable"
            )
    return notes
