"""docs/results.md describes every key of the JSON output."""

from __future__ import annotations

from pathlib import Path

from helpers.composed_runs import ComposedRuns
from penstock.report import compare, results, trace

TEXT = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")


def test_every_key_is_documented(runs: ComposedRuns) -> None:
    run = runs.add()
    (row,) = results(runs.root)
    (candidate,) = compare(runs.root).candidates
    hyperparameters = {"steps"}  # the page names only a few
    keys = {*row.to_dict(), *candidate.to_dict(), *trace(run.path).to_dict()} - hyperparameters
    assert [key for key in sorted(keys) if f"`{key}`" not in TEXT] == []


def test_the_picture_exists_and_is_small() -> None:
    picture = Path(__file__).parents[2] / "docs" / "report.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 150_000
