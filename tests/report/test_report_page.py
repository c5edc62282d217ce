"""The report file: its content, its escaping, and no reference to anything outside."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from helpers.composed_runs import ComposedRuns, used, write_copa
from helpers.report_pages import Elements, elements, references
from penstock.errors import ConfigError
from penstock.report import compare, comparison_cells, write_report
from penstock.runs import State

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&</title>--><!--"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


def page_of(runs: ComposedRuns, target: Path, *, by: tuple[str, ...] = ("method",)) -> Elements:
    return elements(write_report(target, runs.root, by=by))


def test_the_page_references_nothing_outside_itself(runs: ComposedRuns, target: Path) -> None:
    runs.add(losses=[0.9, 0.5])
    runs.fail()
    page = page_of(runs, target)
    assert references(page) == []
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_every_script_and_every_chart_is_in_the_page(runs: ComposedRuns, target: Path) -> None:
    runs.add(losses=[0.9, 0.5])
    page = page_of(runs, target)
    kinds = [(a.get("type"), a.get("id")) for tag, a in page.tags if tag == "script"]
    assert kinds == [
        ("module", None),
        ("application/json", "spec-comparison"),
        ("application/json", "spec-loss"),
        ("application/json", "spec-dev_score"),
        ("module", None),
    ]
    assert len(page.scripts[0]) > 100_000
    for spec in page.scripts[1:4]:
        assert json.loads(spec)["$schema"].startswith("https://vega.github.io/schema/vega-lite/")


def test_the_comparison_is_the_same_as_in_the_terminal(runs: ComposedRuns, target: Path) -> None:
    runs.add(method="zo", score=0.6)
    for seed, score in enumerate((0.7, 0.8)):
        runs.add(method="fo_full", seed=seed, score=score)
    text = page_of(runs, target).text
    comparison = compare(runs.root, by=["method"])
    for candidate in comparison_cells(comparison):
        assert "".join(candidate.values()) in text
    assert "candidates have between 1 and 2 seeds" in text


def test_every_run_has_its_configuration(runs: ComposedRuns, target: Path) -> None:
    directories = [runs.add(rate=rate) for rate in (1e-6, 1e-5)]
    page = page_of(runs, target)
    assert page.count("details") == 2
    assert page.text.count("learning_rate: ") == 2
    assert all(str(directory.path) in page.text for directory in directories)


def test_failed_and_running_runs_are_shown_with_their_state(
    runs: ComposedRuns, target: Path
) -> None:
    runs.add(rate=1e-6)
    runs.fail("loss is nan at step 3", rate=1e-5)
    running = runs.add(rate=1e-4, state=State.RUNNING, losses=[0.9])
    with running.lock:
        text = page_of(runs, target).text
    assert "3 runs: 1 done, 1 failed, 1 running" in text
    assert "error: loss is nan at step 3" in text


def test_without_a_done_run_there_is_a_report_without_a_comparison(
    runs: ComposedRuns, target: Path
) -> None:
    runs.fail(losses=[0.9, 0.8])
    page = page_of(runs, target)
    assert "1 run: 1 failed" in page.text
    assert page.count("figure") == 2  # the curves
    assert "Comparison" not in page.text


def test_without_metrics_and_a_done_run_there_is_no_chart_and_no_script(
    runs: ComposedRuns, target: Path
) -> None:
    runs.fail()
    page = page_of(runs, target)
    assert (page.count("figure"), page.count("script")) == (0, 0)


def test_findings_of_the_data_are_listed(runs: ComposedRuns, target: Path) -> None:
    synthetic = write_copa(runs.data.parent / "new" / "Copa", word="hail")
    file = synthetic / "copa_train.jsonl"
    file.write_text(file.read_text().replace('"The hail of train day 3 came."', '"\\"Quoted\\""'))
    runs.add(datasets=[used(runs.data, "original"), used(synthetic, "synthetic")], mix="both")
    page = page_of(runs, target)
    assert "no findings" in page.text
    assert "text-quoted" in page.text  # found only by a comparison with the original
    assert "copa_train.jsonl:4" in page.text


def test_data_that_changed_since_the_run_is_reported(runs: ComposedRuns, target: Path) -> None:
    runs.add()
    with (runs.data / "copa_train.jsonl").open("a") as file:
        file.write("\n")
    assert "copa_train.jsonl has " in page_of(runs, target).text


def test_data_in_several_states_is_reported(runs: ComposedRuns, target: Path) -> None:
    runs.add(seed=0)
    write_copa(runs.data, word="hail")
    runs.add(seed=1)
    text = page_of(runs, target).text
    assert "runs used 2 different states of it" in text
    assert "copa_train.jsonl has other content" in text


def test_missing_data_is_reported(runs: ComposedRuns, target: Path) -> None:
    runs.add()
    shutil.rmtree(runs.data)
    text = page_of(runs, target).text
    assert str(runs.data) in text
    assert "does not exist any more" in text


def test_data_that_cannot_be_checked_is_reported(runs: ComposedRuns, target: Path) -> None:
    synthetic = write_copa(runs.data.parent / "new" / "Copa", word="hail")
    runs.add(datasets=[used(runs.data, "original"), used(synthetic, "synthetic")], mix="both")
    shutil.rmtree(runs.data)
    assert "cannot be checked: " in page_of(runs, target).text


def test_html_in_names_is_escaped(runs: ComposedRuns, target: Path) -> None:
    runs.add(
        purpose=HOSTILE.replace("/", "|"),
        description=HOSTILE,
        label=HOSTILE.replace("/", "|"),
        method="zo",
        losses=[0.9],
        note=HOSTILE,
    )
    runs.fail(HOSTILE, seed=1)
    page = page_of(runs, target, by=("data", "note"))
    assert page.count("img") == 0
    assert page.count("script") == 5
    assert page.count("title") == 1
    assert page.text.count("<img src=x onerror=alert(1)>") >= 4


def test_html_in_chart_data_does_not_end_the_script(runs: ComposedRuns, target: Path) -> None:
    runs.add(note="</script><script>alert(1)</script>", losses=[0.9])
    page = page_of(runs, target, by=("note",))
    rows = json.loads(page.scripts[1])["datasets"]["rows"]
    assert rows[0]["candidate"].startswith("</script><script>alert(1)</script>")


def test_long_curves_are_thinned_and_keep_their_last_point(
    runs: ComposedRuns, target: Path
) -> None:
    runs.add(losses=[1 / step for step in range(1, 1502)])
    page = page_of(runs, target)
    points = json.loads(page.scripts[2])["datasets"]["rows"]
    assert len(points) <= 401
    assert points[-1]["step"] == 1501


def test_the_same_runs_give_the_same_report(runs: ComposedRuns, tmp_path: Path) -> None:
    runs.add(losses=[0.9, 0.5])
    one, two = (write_report(tmp_path / name, runs.root) for name in ("1.html", "2.html"))
    assert one.read_bytes() == two.read_bytes()


def test_the_report_creates_its_directory_and_replaces_an_old_report(
    runs: ComposedRuns, tmp_path: Path
) -> None:
    target = tmp_path / "new" / "report.html"
    runs.fail()
    write_report(target, runs.root)
    runs.add()
    assert "2 runs" in elements(write_report(target, runs.root)).text
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_a_path_that_cannot_be_written_is_an_error_with_its_name(
    runs: ComposedRuns, tmp_path: Path
) -> None:
    runs.fail()
    (tmp_path / "file").touch()
    for target in (tmp_path, tmp_path / "file" / "report.html"):
        with pytest.raises(ConfigError, match="cannot be written") as caught:
            write_report(target, runs.root)
        assert caught.value.file == target


def test_without_runs_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no runs"):
        write_report(tmp_path / "report.html", tmp_path)
    assert not (tmp_path / "report.html").exists()
