"""A comparison as the cells of a table, and as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.config import short_number, short_value
from penstock.report.compare import Comparison, Contender
from penstock.runs import less_is_better

_VERDICTS = {True: "yes", False: "no", None: "-"}


def comparison_cells(comparison: Comparison) -> list[dict[str, str]]:
    """Return one mapping of column to text a contender, for people to read.

    The scores' column is named by their metric; where there are several, each row names its own.
    """
    name = comparison.score_name
    chosen = any(contender.setting for contender in comparison.contenders)
    return [
        {
            **{key: short_value(contender.group[key]) for key in comparison.by},
            "rate": short_number(contender.learning_rate),
            **({"setting": _setting(contender)} if chosen else {}),
            "settings": str(contender.settings),
            "seeds": str(contender.seeds),
            "dev": f"{contender.dev_score:.3f}",
            name: with_deviation(contender.score, contender.deviation),
            **({} if name == contender.metric else {"metric": contender.metric}),
            "chance": "-" if contender.chance is None else f"{contender.chance:.3f}",
            "above": _VERDICTS[contender.above_chance],
            "p": "-" if contender.p_value is None else f"{contender.p_value:.1e}",
            "rows": str(contender.rows),
        }
        for contender in comparison.contenders
    ]


def _setting(contender: Contender) -> str:
    """Return what the chosen setting has besides its rate, such as `lora_rank 8`."""
    return ", ".join(f"{name} {short_value(v)}" for name, v in contender.setting.items()) or "-"


def with_deviation(score: float, deviation: float | None) -> str:
    """Return a score as people read it: `0.875`, or `0.875 ± 0.012`."""
    return f"{score:.3f}" if deviation is None else f"{score:.3f} ± {deviation:.3f}"


def to_latex(comparison: Comparison) -> str:
    """Return the comparison as a LaTeX table for the package booktabs; shares are in percent.

    Where there are several metrics each row names its own.
    """
    chosen = any(contender.setting for contender in comparison.contenders)
    texts = [*comparison.by, *(["setting"] if chosen else [])]
    name = comparison.score_name
    rows = comparison.contenders
    if any(name != contender.metric for contender in rows):
        texts.append("metric")
    head = [*map(_latex, texts), "rate", "dev", _latex(name), "chance"]
    body = [" & ".join(_latex_cells(contender, texts)) for contender in rows]
    return "\n".join(
        [
            "% \\usepackage{booktabs}",
            f"\\begin{{tabular}}{{{'l' * len(texts)}rrrr}}",
            "\\toprule",
            f"{' & '.join(head)} \\\\",
            "\\midrule",
            *(f"{line} \\\\" for line in body),
            "\\bottomrule",
            "\\end{tabular}",
        ]
    )


def _latex_cells(contender: Contender, texts: Sequence[str]) -> list[str]:
    values = {key: short_value(value) for key, value in contender.group.items()}
    values |= {"setting": _setting(contender), "metric": contender.metric}
    share = not less_is_better(contender.metric)
    score = _latex_score(contender.score, share)
    if contender.deviation is not None:
        score += f" $\\pm$ {_latex_score(contender.deviation, share)}"
    return [
        *(_latex(values[name]) for name in texts),
        short_number(contender.learning_rate),
        _latex_score(contender.dev_score, share),
        score,
        "--" if contender.chance is None else _latex_score(contender.chance, share),
    ]


def _latex_score(score: float, share: bool) -> str:
    return f"{100 * score:.1f}" if share else f"{score:.3f}"


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
