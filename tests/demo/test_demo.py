"""`penstock demo`: the main workflow from end to end, as a user sees it."""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from helpers.chromium import Page
from helpers.command import penstock
from penstock.demo import COMMANDS

pytestmark = pytest.mark.slow

METHODS = {"zo", "fo_full", "fo_lora"}


@dataclass(frozen=True)
class Demo:
    """A demo that has been run."""

    path: Path
    code: int
    out: str
    err: str

    def json(self, *arguments: str | Path) -> Any:
        """Run a command in the demo's directory and return its JSON output."""
        done = penstock(*arguments, "--format", "json", cwd=self.path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo, run once for all test workers, in a directory whose name needs quoting."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "the demo"
    home.mkdir(exist_ok=True)
    ended = home / "ended.json"
    with FileLock(home / "lock"):
        if not ended.exists():
            done = penstock("demo", home / "world", cwd=home)
            ended.write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
    return Demo(home / "world", *json.loads(ended.read_text()))


def test_the_demo_succeeds_and_prints_the_commands_that_it_runs(demo: Demo) -> None:
    assert demo.code == 0, demo.err
    printed = [line for line in demo.out.splitlines() if line.startswith("$ ")]
    assert printed == [
        f"$ cd {shlex.quote(str(demo.path))}",
        *(f"$ penstock {shlex.join(command)}" for command in COMMANDS),
    ]
    assert str(demo.path / "report.html") in demo.out
    assert "Traceback" not in demo.err
    assert "it/s]" not in demo.err  # no progress bar of a library


def test_every_run_of_the_grid_is_done(demo: Demo) -> None:
    runs = demo.json("results")["runs"]
    assert [run["state"] for run in runs] == ["done"] * 6
    assert {run["method"] for run in runs} == METHODS


def test_the_best_method_is_clearly_above_chance_also_in_the_table(demo: Demo) -> None:
    candidates = demo.json("compare")["candidates"]
    assert {candidate["method"] for candidate in candidates} == METHODS
    best = candidates[0]
    assert best["above_chance"] is True
    assert best["score"] > best["chance"] + 0.1
    lines = [re.split(r"\s{2,}", line.strip()) for line in demo.out.splitlines()]
    header = next(cells for cells in lines if cells[0] == "method" and "above chance" in cells)
    (row,) = (cells for cells in lines if cells[0] == best["method"])
    assert row[header.index("above chance")] == "yes"


def test_everything_that_the_demo_wrote_checks_without_an_error(demo: Demo) -> None:
    found = demo.json("check", "data", "--against", "data/original")
    assert found["ok"] is True
    assert [dataset["path"] for dataset in found["datasets"]] == [
        "data/original/Copa",
        "data/synthetic/Copa",
    ]


def test_every_score_traces_back_to_the_raw_files(demo: Demo) -> None:
    for run in demo.json("results")["runs"]:
        document = demo.json("trace", run["directory"])
        assert document["intact"] is True
        kinds = [child["kind"] for child in document["children"]]
        assert kinds == ["model", "dataset", "dataset"]


def test_the_report_opens_in_a_browser_with_its_charts(demo: Demo, browser: Page) -> None:
    browser.open(demo.path / "report.html")
    charts = browser.charts()
    assert browser.marks(charts["chart-comparison"], ".mark-rect.role-mark path") == 6
    for name in ("chart-loss", "chart-dev_score"):
        assert browser.marks(charts[name], ".mark-line.role-mark path") == 6
    assert len(browser.all("#comparison tbody tr")) == 3
    assert "text-quoted" in browser.one(".findings").text
    assert (browser.console_messages(), browser.loaded()) == ([], [])


def test_the_weights_of_a_run_can_be_exported(demo: Demo, tmp_path: Path) -> None:
    run = next(run for run in demo.json("results")["runs"] if run["method"] == "zo")
    made = demo.json("weights", run["directory"], tmp_path / "model")
    assert made == {"model": str(tmp_path / "model"), "step": run["best_step"]}
    assert {"config.json", "tokenizer.json"} <= {path.name for path in tmp_path.glob("model/*")}


def test_training_again_has_nothing_to_do(demo: Demo) -> None:
    done = penstock("train", "experiment.yaml", cwd=demo.path)
    assert done.returncode == 0
    assert "6 runs, 0 to do" in done.stderr
    assert len(demo.json("results")["runs"]) == 6


def test_a_directory_that_is_not_empty_is_refused_and_not_modified(demo: Demo) -> None:
    before = sorted(demo.path.rglob("*"))
    done = penstock("demo", demo.path, cwd=demo.path.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not an empty directory; name one that does not exist" in done.stderr
    assert sorted(demo.path.rglob("*")) == before
