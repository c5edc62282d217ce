"""A comparison as table cells and as LaTeX."""

from __future__ import annotations

import re

from helpers.composed_runs import ComposedRuns
from penstock.report import compare, comparison_cells, to_latex


def test_cells_are_short_and_complete(runs: ComposedRuns) -> None:
    for seed, score in enumerate((0.7, 0.8)):
        runs.add(method="fo_lora", rate=1e-4, seed=seed, score=score, dev=0.75, lora_rank=8)
    runs.add(method="zo", rate=1e-6, score=0.5, metric="f1", chance=0.0)
    lora, zo = comparison_cells(compare(runs.root, by=["method", "lora_rank"]))
    assert lora == {
        "method": "fo_lora",
        "lora_rank": "8",
        "lr": "1e-4",
        "settings tried": "1",
        "seeds": "2",
        "dev": "0.750",
        "score": "0.750 ± 0.071",
        "metric": "accuracy",
        "chance": "0.500",
        "above chance": "yes",
        "p-value": "2.8e-07",
        "rows": "100",
    }
    assert [zo[name] for name in ("lora_rank", "above chance", "p-value", "metric")] == [
        "-",
        "-",
        "-",
        "f1",
    ]


def test_the_score_column_is_named_after_a_single_metric(runs: ComposedRuns) -> None:
    runs.add(score=0.5)
    (cells,) = comparison_cells(compare(runs.root))
    assert (cells["accuracy"], cells["above chance"]) == ("0.500", "no")
    assert not {"score", "metric"} & set(cells)


def test_latex_has_the_same_number_of_cells_in_every_row(runs: ComposedRuns) -> None:
    runs.add(method="zo", score=0.7)
    for seed, score in enumerate((0.7, 0.8)):
        runs.add(method="fo_full", seed=seed, score=score)
    lines = to_latex(compare(runs.root)).splitlines()
    assert lines[0] == "% \\usepackage{booktabs}"
    assert lines[1] == "\\begin{tabular}{llrrrr}"
    assert [lines[2], lines[4], lines[-2], lines[-1]] == [
        "\\toprule",
        "\\midrule",
        "\\bottomrule",
        "\\end{tabular}",
    ]
    rows = [lines[3], *lines[5:-2]]
    assert rows[0] == "method & data & learning rate & dev & accuracy & chance \\\\"
    assert rows[1] == "fo\\_full & original & 1e-6 & 50.0 & 75.0 $\\pm$ 7.1 & 50.0 \\\\"
    assert all(row.count(" & ") == 5 and row.endswith(" \\\\") for row in rows)


def test_latex_escapes_special_characters(runs: ComposedRuns) -> None:
    hostile = "a_b&c%d$e#f{g}h~i^j\\k<l>"
    runs.add(label=hostile)
    row = to_latex(compare(runs.root)).splitlines()[5]
    assert row.startswith(
        r"zo & a\_b\&c\%d\$e\#f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k"
        r"\textless{}l\textgreater{} & "
    )
    assert len(re.findall(r"(?<!\\)&", row)) == 5


def test_latex_names_the_metric_of_each_row_if_there_are_several(runs: ComposedRuns) -> None:
    runs.add(method="zo", metric="f1", score=0.5)
    runs.add(method="fo_full", metric="loss", score=0.7, chance=None)
    text = to_latex(compare(runs.root))
    assert "method & data & metric & learning rate & dev & score & chance" in text
    assert "zo & original & f1 & 1e-6 & 50.0 & 50.0" in text
    assert "original & loss & 1e-6 & 0.500 & 0.700 & --" in text
    assert "{lllrrrr}" in text


def test_the_setting_is_shown_if_settings_differ_in_more_than_the_rate(
    runs: ComposedRuns,
) -> None:
    runs.add(method="fo_lora", rate=1e-4, score=0.7, dev=0.6, lora_rank=8)
    runs.add(method="fo_lora", rate=1e-4, score=0.6, dev=0.8, lora_rank=16)
    runs.add(method="zo", rate=1e-6, score=0.5, dev=0.5)
    comparison = compare(runs.root, by=["method"])
    cells = {row["method"]: row["setting"] for row in comparison_cells(comparison)}
    assert cells == {"fo_lora": "lora_rank 16", "zo": "-"}
    assert "fo\\_lora & lora\\_rank 16 & 1e-4" in to_latex(comparison)
