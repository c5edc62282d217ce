"""`penstock demo`: the main job from end to end, as a user sees it."""

from __future__ import annotations

import json
import os
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
        """Run a verb in the demo's directory; return what it prints as JSON."""
        done = penstock(*arguments, "--format", "json", cwd=self.path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo, run once however many workers share its tests, in a name that needs quoting."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "the demo"
    home.mkdir(exist_ok=True)
    ended = home / "ended.json"
    with FileLock(home / "lock"):
        if not ended.exists():
            done = penstock("demo", home / "world", cwd=home)
            ended.write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
    return Demo(home / "world", *json.loads(ended.read_text()))


def test_the_demo_ends_well_and_prints_the_commands_that_it_runs(demo: Demo) -> None:
    assert demo.code == 0, demo.err
    printed = [line for line in demo.out.splitlines() if line.startswith("$ ")]
    assert printed == [
        f"$ cd {shlex.quote(str(demo.path))}",
        *(f"$ penstock {shlex.join(command)}" for command in COMMANDS),
    ]
    assert str(demo.path / "report.html") in demo.out
    assert "Traceback" not in demo.err
    assert "it/s]" not in demo.err  # no bar of another library


def test_every_run_of_the_grid_is_done(demo: Demo) -> None:
    runs = demo.json("results")["runs"]
    assert [run["state"] for run in runs] == ["done"] * 6
    assert {run["method"] for run in runs} == METHODS


def test_a_method_ends_clearly_above_chance_and_the_table_says_so(demo: Demo) -> None:
    contenders = demo.json("compare")["contenders"]
    assert {contender["method"] for contender in contenders} == METHODS
    best = contenders[0]
    assert best["above_chance"] is True
    assert best["score"] > best["chance"] + 0.1
    shown = [line.split() for line in demo.out.splitlines()]
    head = next(words for words in shown if words[:1] == ["method"] and "above" in words)
    (row,) = (words for words in shown if words[:1] == [best["method"]])
    assert row[head.index("above")] == "yes"


def test_everything_that_the_demo_wrote_checks_without_an_error(demo: Demo) -> None:
    found = demo.json("check", "data", "--against", "data/original")
    assert found["ok"] is True
    assert [dataset["path"] for dataset in found["datasets"]] == [
        "data/original/Copa",
        "data/synthetic/Copa",
    ]


def test_every_score_leads_back_to_the_raw_files(demo: Demo) -> None:
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
    assert (browser.complaints(), browser.loaded()) == ([], [])


def test_the_weights_of_a_run_become_a_model(demo: Demo, tmp_path: Path) -> None:
    run = next(run for run in demo.json("results")["runs"] if run["method"] == "zo")
    made = demo.json("weights", run["directory"], tmp_path / "model")
    assert made == {"model": str(tmp_path / "model"), "step": run["best_step"]}
    assert {"config.json", "tokenizer.json"} <= {path.name for path in tmp_path.glob("model/*")}


def test_training_again_has_nothing_to_do(demo: Demo) -> None:
    done = penstock("train", "experiment.yaml", cwd=demo.path)
    assert done.returncode == 0
    assert "6 runs, 0 to do" in done.stderr
    assert len(demo.json("results")["runs"]) == 6


def test_a_directory_with_something_in_it_is_refused_and_left_as_it_is(demo: Demo) -> None:
    before = sorted(demo.path.rglob("*"))
    done = penstock("demo", demo.path, cwd=demo.path.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not an empty directory; name one that does not exist" in done.stderr
    assert sorted(demo.path.rglob("*")) == before
