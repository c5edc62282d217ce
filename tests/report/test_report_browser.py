"""The report in a real browser without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.remote.webelement import WebElement

from helpers.chromium import Page
from helpers.composed_runs import ComposedRuns
from penstock.report import compare, comparison_cells, write_report

METHODS = ("fo_full", "fo_lora", "zo")
RATES = (1e-6, 1e-5)
LOSSES = {
    "fo_full": (0.9, 0.5, 0.2, 0.1),
    "fo_lora": (0.9, 0.6, 0.4, 0.3),
    "zo": (0.9, 0.88, 0.84, 0.8),
}


@pytest.fixture
def grid(runs: ComposedRuns) -> ComposedRuns:
    """Three methods with two rates and two seeds each, and a run that failed."""
    for index, method in enumerate(METHODS):
        for rate in RATES:
            for seed in (0, 1):
                runs.add(
                    method=method,
                    rate=rate,
                    seed=seed,
                    score=0.6 + index / 10 + seed / 20,
                    losses=[loss + seed / 20 for loss in LOSSES[method]],
                )
    runs.fail("loss is nan", method="zo", rate=1e-3)
    return runs


@pytest.fixture
def page(grid: ComposedRuns, browser: Page, tmp_path: Path) -> Page:
    """The report of the grid, open and drawn."""
    browser.open(write_report(tmp_path / "report.html", grid.root))
    return browser


def test_every_chart_is_drawn(page: Page) -> None:
    charts = page.charts()
    assert list(charts) == ["chart-comparison", "chart-loss", "chart-dev_score"]
    # A bar and a tick at chance for each method.
    assert page.marks(charts["chart-comparison"], ".mark-rect.role-mark path") == 2 * len(METHODS)
    assert page.marks(charts["chart-comparison"], ".mark-text.role-mark text") == len(METHODS)
    for name in ("chart-loss", "chart-dev_score"):
        lines = page.marks(charts[name], ".mark-line.role-mark path")
        assert lines == len(METHODS) * len(RATES) * 2
        assert [text for text in METHODS if text in charts[name].text] == list(METHODS)


def test_the_page_loads_nothing_and_logs_no_error(page: Page) -> None:
    assert page.loaded() == []
    assert page.console_messages() == []


def test_the_content_security_policy_blocks_any_load(page: Page) -> None:
    answer = page.run(
        "return fetch('http://example.org/').then(() => 'loaded', (error) => String(error))"
    )
    assert "Failed to fetch" in answer
    assert any("Content Security Policy" in message for message in page.console_messages())


def test_the_table_shows_the_comparison(page: Page, grid: ComposedRuns) -> None:
    cells = comparison_cells(compare(grid.root))
    head = [cell.text for cell in page.all("#comparison th")]
    assert head == list(cells[0])
    rows = [
        [cell.text for cell in row.find_elements("css selector", "td")]
        for row in page.all("#comparison tbody tr")
    ]
    assert rows == [list(candidate.values()) for candidate in cells]
    above_chance = [candidate["above chance"] for candidate in cells]
    assert sorted(set(above_chance)) == ["no", "yes"]
    assert len(page.all("#comparison td.yes")) == above_chance.count("yes")
    assert len(page.all("#comparison td.score")) == len(METHODS)


def faint_lines(chart: WebElement) -> int:
    """Return how many lines of a chart are faded."""
    lines = chart.find_elements("css selector", ".mark-line.role-mark path")
    return sum(float(line.get_attribute("opacity") or 1) < 0.5 for line in lines)


def test_a_click_on_the_legend_highlights_its_runs_in_every_panel(page: Page) -> None:
    chart = page.charts()["chart-loss"]
    assert faint_lines(chart) == 0
    labels = chart.find_elements("css selector", ".role-legend-label text")
    assert [label.text for label in labels] == ["1e-6", "1e-5"]
    labels[0].click()
    assert faint_lines(chart) == len(METHODS) * 2  # those of the other rate
    labels[1].click()
    assert faint_lines(chart) == 0
    labels[0].click()
    assert faint_lines(chart) == len(METHODS) * 2
    labels[1].click()
    assert faint_lines(chart) == 0


def test_a_run_expands_to_its_configuration(page: Page) -> None:
    first = page.all("details.run")[0]
    configuration = first.find_element("css selector", "pre")
    assert not configuration.is_displayed()
    first.find_element("css selector", "summary").click()
    assert configuration.is_displayed()
    assert "learning_rate: 1.0e-06" in configuration.text


def test_a_failed_run_shows_its_failure(page: Page) -> None:
    assert [mark.text for mark in page.all("details.run span.failed")] == ["error: loss is nan"]


def test_html_in_names_is_drawn_as_text(runs: ComposedRuns, browser: Page, tmp_path: Path) -> None:
    words = "<img src=x onerror=document.title=1><script>document.title=2<|script>"
    runs.add(label=words, purpose=words, description=words, losses=[0.9, 0.8], score=0.75)
    runs.fail(words, seed=1)
    browser.open(write_report(tmp_path / "report.html", runs.root))
    assert words in browser.charts()["chart-comparison"].text
    assert browser.run("return document.title") == f"penstock: {runs.root}"
    assert browser.all("img") == []
    assert browser.console_messages() == []


def test_a_report_without_a_done_run_has_only_curves(
    runs: ComposedRuns, browser: Page, tmp_path: Path
) -> None:
    runs.fail(losses=[0.9, 0.8])
    browser.open(write_report(tmp_path / "report.html", runs.root))
    assert browser.all("#comparison") == []
    assert list(browser.charts()) == ["chart-loss", "chart-dev_score"]
    assert browser.console_messages() == []
