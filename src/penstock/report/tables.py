"""A comparison as the cells of a table, and as LaTeX."""

from __future__ import annotations

from penstock.config import short_number, short_value
from penstock.report.compare import Comparison, Contender

_VERDICTS = {True: "yes", False: "no", None: "-"}


def comparison_cells(comparison: Comparison) -> list[dict[str, str]]:
    """Return one mapping of column to text a contender, for people to read.

    The scores' column is named by their metric; where there are several, each row names its own.
    """
    name = comparison.score_name
    return [
        {
            **{key: short_value(contender.group[key]) for key in comparison.by},
            "rate": short_number(contender.learning_rate),
            "settings": str(contender.settings),
            "seeds": str(contender.seeds),
            "dev": f"{contender.dev_score:.3f}",
            name: with_deviation(contender.score, contender.deviation),
            **({} if name == contender.metric else {"metric": contender.metric}),
            "chance": f"{contender.chance:.3f}",
            "above": _VERDICTS[contender.above_chance],
            "p": "-" if contender.p_value is None else f"{contender.p_value:.1e}",
            "rows": str(contender.rows),
        }
        for contender in comparison.contenders
    ]


def with_deviation(score: float, deviation: float | None) -> str:
    """Return a score as people read it: `0.875`, or `0.875 ± 0.012`."""
    return f"{score:.3f}" if deviation is None else f"{score:.3f} ± {deviation:.3f}"


def to_latex(comparison: Comparison) -> str:
    """Return the comparison as a LaTeX table for the package booktabs, scores in percent."""
    head = [*map(_latex, comparison.by), "rate", "dev", _latex(comparison.score_name), "chance"]
    body = [" & ".join(_latex_cells(comparison, contender)) for contender in comparison.contenders]
    return "\n".join(
        [
            "% \\usepackage{booktabs}",
            f"\\begin{{tabular}}{{{'l' * len(comparison.by)}rrrr}}",
            "\\toprule",
            f"{' & '.join(head)} \\\\",
            "\\midrule",
            *(f"{line} \\\\" for line in body),
            "\\bottomrule",
            "\\end{tabular}",
        ]
    )


def _latex_cells(comparison: Comparison, contender: Contender) -> list[str]:
    score = f"{100 * contender.score:.1f}"
    if contender.deviation is not None:
        score += f" $\\pm$ {100 * contender.deviation:.1f}"
    return [
        *(_latex(short_value(contender.group[key])) for key in comparison.by),
        short_number(contender.learning_rate),
        f"{100 * contender.dev_score:.1f}",
        score,
        f"{100 * contender.chance:.1f}",
    ]


_LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {
        "\\": "\\textbackslash{}",
        "~": "\\textasciitilde{}",
        "^": "\\textasciicircum{}",
        "<": "\\textless{}",
        ">": "\\textgreater{}",
        "|": "\\textbar{}",
    }
)


def _latex(text: str) -> str:
    """Return text with every sign that LaTeX takes for itself escaped."""
    return text.translate(_LATEX)
