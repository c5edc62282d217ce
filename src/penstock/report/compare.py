"""Which method, data, model is better: rates chosen on dev, scores reported on evaluation.

Runs that differ only in their seed are one cell. Within a group, the cell with the best mean dev
score is chosen, and the mean and the deviation of its evaluation scores are reported: the
evaluation rows never choose anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import orjson

from penstock.config import short_number
from penstock.errors import ConfigError, did_you_mean
from penstock.report.results import ResultRow, results
from penstock.runs import State

#: A score this unlikely under guessing is called above chance.
SIGNIFICANCE = 0.01
#: What may never be averaged over: these join `by` when runs differ in them.
_NEVER_AVERAGED = ("task", "model", "data", "method")


@dataclass(frozen=True)
class Contender:
    """One group's best cell. Scores are from 0 to 1.

    `deviation` is the sample's over the seeds, None for one seed; `p_value` is the probability that
    guessing scores as high on this many rows.
    """

    group: dict[str, Any]
    learning_rate: float
    cells: int
    seeds: int
    dev_score: float
    score: float
    deviation: float | None
    metric: str
    chance: float
    rows: int
    p_value: float | None
    unfinished: int
    directories: list[str]

    @property
    def above_chance(self) -> bool | None:
        """True when guessing would hardly score as high; None where nothing can be guessed."""
        return None if self.p_value is None else self.p_value < SIGNIFICANCE


@dataclass(frozen=True)
class Comparison:
    """The contenders, the best first, and what is worth knowing about the comparison."""

    by: tuple[str, ...]
    contenders: list[Contender]
    notes: list[str] = field(default_factory=list)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one flat mapping a contender."""
        rows = []
        for contender in self.contenders:
            values = asdict(contender)
            group = values.pop("group")
            rows.append({**group, **values, "above_chance": contender.above_chance})
        return rows


def compare(
    root: Path | str = "Results",
    purpose: str | None = None,
    by: Sequence[str] = ("method", "data"),
) -> Comparison:
    """Compare the done runs below `root`, grouped by columns or hyperparameters.

    Raises ConfigError when there is no run that is done, or for a name in `by` that runs have not.
    """
    return compare_rows(results(root, purpose), by, str(Path(root) / (purpose or "")))


def compare_rows(rows: Sequence[ResultRow], by: Sequence[str], place: str) -> Comparison:
    """Compare rows that are already read; `place` is where they came from, for the error."""
    done = [row for row in rows if row.record.state is State.DONE]
    if not done:
        raise ConfigError(f"none of {len(rows)} runs is done; see penstock results", file=place)
    keys = list(dict.fromkeys(by))
    known = {name for row in done for name in (*row.columns(), *row.record.config.hyperparameters)}
    for key in keys:
        if key not in known:
            raise ConfigError(f"runs have no '{key}'{did_you_mean(key, known)}", field="--by")
    notes = []
    for key in _NEVER_AVERAGED:
        if key not in keys and len({row.value(key) for row in done}) > 1:
            keys.append(key)
            notes.append(f"runs differ in their {key}, which is never averaged over: added to --by")
    groups: dict[tuple[Any, ...], list[ResultRow]] = {}
    for row in _latest_of_each(done):
        groups.setdefault(tuple(row.value(key) for key in keys), []).append(row)
    unfinished = [row for row in rows if row.record.state is not State.DONE]
    contenders = [
        _contender(dict(zip(keys, group, strict=True)), members, unfinished)
        for group, members in groups.items()
    ]
    contenders.sort(key=lambda c: (str(c.group.get("task")), -c.score))
    seeds = {contender.seeds for contender in contenders}
    if len(seeds) > 1:
        notes.append(f"contenders have between {min(seeds)} and {max(seeds)} seeds")
    return Comparison(tuple(keys), contenders, notes)


def _latest_of_each(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Keep one run of each identity and purpose, the latest."""
    latest: dict[tuple[str, str], ResultRow] = {}
    for row in sorted(rows, key=lambda row: row.record.started):
        latest[row.purpose, row.record.identity] = row
    return list(latest.values())


def _contender(
    group: dict[str, Any], rows: Sequence[ResultRow], unfinished: Sequence[ResultRow]
) -> Contender:
    cells: dict[bytes, list[ResultRow]] = {}
    for row in rows:
        cells.setdefault(_cell_key(row), []).append(row)
    chosen = max(cells.values(), key=lambda cell: (_mean_dev(cell), -_rate(cell[0])))
    found = [row.record.result for row in chosen if row.record.result is not None]
    scores = [result.score for result in found]
    score, first = mean(scores), found[0]
    return Contender(
        group=group,
        learning_rate=_rate(chosen[0]),
        cells=len(cells),
        seeds=len(chosen),
        dev_score=_mean_dev(chosen),
        score=score,
        deviation=stdev(scores) if len(scores) > 1 else None,
        metric=first.metric,
        chance=first.chance,
        rows=first.evaluation_rows,
        p_value=_p_value(score, first.evaluation_rows, first.chance) if first.chance else None,
        unfinished=sum(
            all(row.value(key) == value for key, value in group.items()) for row in unfinished
        ),
        directories=[str(row.directory.path) for row in chosen],
    )


def _cell_key(row: ResultRow) -> bytes:
    """Return what decides a run but its seed."""
    config = row.record.config
    values = {key: value for key, value in config.hyperparameters.items() if key != "seed"}
    data = [(use.role, use.manifest.content_hash) for use in row.record.datasets]
    decisive = [config.backend, row.record.model.sha256 or config.model, config.task, config.method]
    return orjson.dumps([decisive, config.data.mix, data, values], option=orjson.OPT_SORT_KEYS)


def _mean_dev(cell: Sequence[ResultRow]) -> float:
    return mean(row.record.result.dev_score for row in cell if row.record.result is not None)


def _rate(row: ResultRow) -> float:
    return float(row.record.config.hyperparameters["learning_rate"])


def _p_value(score: float, rows: int, chance: float) -> float:
    """Return the chance that guessing gets at least this many of the rows right (binomial)."""
    if chance >= 1:
        return 1.0
    right = round(score * rows)
    log_chance, log_rest = math.log(chance), math.log1p(-chance)
    return min(
        1.0,
        sum(
            math.exp(_log_choose(rows, k) + k * log_chance + (rows - k) * log_rest)
            for k in range(right, rows + 1)
        ),
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def to_latex(comparison: Comparison) -> str:
    """Return the comparison as a LaTeX table (booktabs), scores in percent."""
    names = [*comparison.by, "rate", "dev", comparison.contenders[0].metric, "chance"]
    lines = [
        f"\\begin{{tabular}}{{{'l' * len(comparison.by)}rrrr}}",
        "\\toprule",
        " & ".join(_latex(name) for name in names) + " \\\\",
        "\\midrule",
    ]
    for contender in comparison.contenders:
        score = f"{100 * contender.score:.1f}"
        if contender.deviation is not None:
            score += f" $\\pm$ {100 * contender.deviation:.1f}"
        cells = [
            *(_latex(str(contender.group[key])) for key in comparison.by),
            short_number(contender.learning_rate),
            f"{100 * contender.dev_score:.1f}",
            score,
            f"{100 * contender.chance:.1f}",
        ]
        lines.append(" & ".join(cells) + " \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"])


def _latex(text: str) -> str:
    for sign in "\\&%$#_{}":
        text = text.replace(sign, "\\textbackslash{}" if sign == "\\" else f"\\{sign}")
    return text
