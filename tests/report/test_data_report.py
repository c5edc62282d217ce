"""Datasets in the report: tables, and histograms drawn in a real browser."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import penstock
from helpers.chromium import Page
from helpers.command import penstock as run_penstock
from helpers.composed_runs import ComposedRuns, used
from helpers.report_pages import Elements, elements, references
from penstock.errors import ConfigError
from penstock.manifest import read_manifest
from penstock.report import write_data_report, write_report
from penstock.report.chart_data import histograms_of

CHARTS = ["chart-data0-words", "chart-data0-characters", "chart-data0-edit"]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset of pairs with statistics: two sources, two splits."""
    sources: dict[str, Any] = {}
    for name, longer in (("short", 1), ("<b>long</b>".replace("/", "|"), 7)):
        rows = [
            {"source": f"{name} {n} {'far ' * (n % 5 * longer)}", "target": f"{name} {n} is near"}
            for n in range(150)
        ]
        path = tmp_path / f"{len(sources)}.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        sources[name] = {"kind": "jsonl", "path": str(path), "text": None}
    recipe = {
        "sources": sources,
        "steps": ["pairs", {"components": {"test": 0.2}}, "statistics"],
        "format": "jsonl",
        "output": str(tmp_path / "dataset"),
    }
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    return penstock.build(tmp_path / "recipe.yaml", workers=1).path


def page_of(dataset: Path) -> Elements:
    return elements(write_data_report([dataset], dataset.parent / "report.html"))


def test_a_dataset_has_its_tables_and_charts(dataset: Path) -> None:
    page = page_of(dataset)
    assert references(page) == []
    ids = [attributes.get("id") for tag, attributes in page.tags if tag == "div"]
    assert [name for name in ids if name] == CHARTS
    assert "no findings" in page.text
    for word in ("components", "test", "short", "<b>long<|b>", "p95"):
        assert word in page.text
    assert page.count("b") == 0


def test_the_area_of_a_histogram_is_the_share_of_rows_drawn(dataset: Path) -> None:
    manifest = read_manifest(dataset)
    assert manifest is not None
    for histograms in histograms_of(manifest):
        width = 0.05 if histograms.name == "edit" else 1
        for series in histograms.series:
            for panel in {point["panel"] for point in histograms.points}:
                line = [
                    p for p in histograms.points if (p["panel"], p["series"]) == (panel, series)
                ]
                values = [point["value"] for point in line]
                assert values == sorted(values)
                assert line[-1]["density"] == 0
                area = sum(
                    point["density"] * (after["value"] - point["value"]) / width
                    for point, after in pairwise(line)
                )
                assert 99 < area < 100.1


def test_a_dataset_without_statistics_has_tables_and_no_script(dataset: Path) -> None:
    recipe = dataset.parent / "recipe.yaml"
    overrides = [f"output={dataset.parent / 'other'}", 'steps=["pairs"]']
    page = page_of(penstock.build(recipe, overrides, workers=1).path)
    assert page.count("table") == 2
    assert page.count("script") == 0


def test_a_report_of_runs_has_the_histograms_of_their_data(
    runs: ComposedRuns, dataset: Path
) -> None:
    runs.add(datasets=[used(dataset, "train")], losses=[0.9, 0.5])
    page = elements(write_report(dataset.parent / "report.html", runs.root))
    ids = [attributes.get("id") for tag, attributes in page.tags if tag == "div"]
    assert [name for name in ids if name and "data" in name] == CHARTS


def test_a_missing_dataset_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no dataset") as caught:
        write_data_report([tmp_path / "none"], tmp_path / "report.html")
    assert caught.value.file == tmp_path / "none"


def test_the_command_reports_datasets_instead_of_runs(dataset: Path) -> None:
    done = run_penstock("report", "r.html", "--data", "dataset", cwd=dataset.parent)
    assert (done.returncode, done.stdout.strip()) == (0, str(dataset.parent / "r.html"))


def test_every_histogram_is_drawn(dataset: Path, browser: Page) -> None:
    browser.open(write_data_report([dataset], dataset.parent / "report.html"))
    charts = browser.charts()
    assert list(charts) == CHARTS
    lines = ".mark-line.role-mark path"
    assert browser.marks(charts["chart-data0-words"], lines) == 2 * 4  # fields, splits of sources
    assert browser.marks(charts["chart-data0-edit"], lines) == 4
    assert "test short" in charts["chart-data0-edit"].text
    assert "train <b>long<|b>" in charts["chart-data0-edit"].text
    assert browser.loaded() == []
    assert browser.console_messages() == []
