"""A comparison as table cells and as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.config import short_number, short_value
from penstock.report.compare import Candidate, Comparison
from penstock.runs import lower_is_better

_ABOVE_CHANCE = {True: "yes", False: "no", None: "-"}
_LATEX_ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {
        "\\": "\\textbackslash{}",
        "~": "\\textasciitilde{}",
        "^": "\\textasciicircum{}",
        "<": "\\textless{}",
        ">": "\\textgreater{}",
        "|": "\\textbar{}",
    }
)


def comparison_cells(comparison: Comparison) -> list[dict[str, str]]:
    """Return one mapping of column name to text per candidate.

    The score column is named after the metric; if there are several, a column `metric` names them.
    """
    name = comparison.score_name
    has_settings = any(candidate.setting for candidate in comparison.candidates)
    return [
        {
            **{column: short_value(candidate.group[column]) for column in comparison.by},
            "lr": short_number(candidate.learning_rate),
            **({"setting": _setting(candidate)} if has_settings else {}),
            "settings tried": str(candidate.settings),
            "seeds": str(candidate.seeds),
            "dev": f"{candidate.dev_score:.3f}",
            name: with_deviation(candidate.score, candidate.deviation),
            **({} if name == candidate.metric else {"metric": candidate.metric}),
            "chance": "-" if candidate.chance is None else f"{candidate.chance:.3f}",
            "above chance": _ABOVE_CHANCE[candidate.above_chance],
            "p-value": "-" if candidate.p_value is None else f"{candidate.p_value:.1e}",
            "rows": str(candidate.rows),
        }
        for candidate in comparison.candidates
    ]


def with_deviation(score: float, deviation: float | None) -> str:
    """Return `0.875`, or `0.875 ± 0.012` if there is a deviation."""
    return f"{score:.3f}" if deviation is None else f"{score:.3f} ± {deviation:.3f}"


def to_latex(comparison: Comparison) -> str:
    """Return the comparison as a LaTeX table for the package booktabs; shares are in percent.

    If there are several metrics, a column `metric` names them.
    """
    name, rows = comparison.score_name, comparison.candidates
    texts = [*comparison.by]
    if any(candidate.setting for candidate in rows):
        texts.append("setting")
    if any(candidate.metric != name for candidate in rows):
        texts.append("metric")
    header = [*map(_escaped, texts), "learning rate", "dev", _escaped(name), "chance"]
    body = [" & ".join(_latex_cells(candidate, texts)) for candidate in rows]
    return "\n".join(
        [
            "% \\usepackage{booktabs}",
            f"\\begin{{tabular}}{{{'l' * len(texts)}rrrr}}",
            "\\toprule",
            f"{' & '.join(header)} \\\\",
            "\\midrule",
            *(f"{line} \\\\" for line in body),
            "\\bottomrule",
            "\\end{tabular}",
        ]
    )


def _latex_cells(candidate: Candidate, texts: Sequence[str]) -> list[str]:
    def formatted(score: float) -> str:
        return f"{score:.3f}" if lower_is_better(candidate.metric) else f"{100 * score:.1f}"

    values = {column: short_value(value) for column, value in candidate.group.items()}
    values |= {"setting": _setting(candidate), "metric": candidate.metric}
    score = formatted(candidate.score)
    if candidate.deviation is not None:
        score += f" $\\pm$ {formatted(candidate.deviation)}"
    return [
        *(_escaped(values[name]) for name in texts),
        short_number(candidate.learning_rate),
        formatted(candidate.dev_score),
        score,
        "--" if candidate.chance is None else formatted(candidate.chance),
    ]


def _setting(candidate: Candidate) -> str:
    """Return the values in which the settings of the group differ, such as `lora_rank 8`."""
    return ", ".join(f"{name} {short_value(v)}" for name, v in candidate.setting.items()) or "-"


def _escaped(text: str) -> str:
    return text.translate(_LATEX_ESCAPES)
