"""Results go to stdout, hints to stderr, colours only to terminals."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from helpers.cli_world import World
from helpers.command import PENSTOCK, penstock, penstock_in_terminal
from helpers.composed_runs import ComposedRuns, write_copa

ESCAPE = "\x1b"
READING = {
    "check": ["check", "broken", "data"],
    "results": ["results"],
    "details": ["results", "--detail"],
    "compare": ["compare"],
    "trace": ["trace", "data/Copa"],
    "migrate": ["migrate", "old", "new", "--dry-run"],
}


@pytest.mark.parametrize("arguments", READING.values(), ids=READING)
def test_only_a_terminal_without_no_color_gets_colours(world: World, arguments: list[str]) -> None:
    assert ESCAPE in penstock_in_terminal(*arguments, cwd=world.path)
    plain = penstock_in_terminal(*arguments, cwd=world.path, environment={"NO_COLOR": "1"})
    piped = penstock(*arguments, cwd=world.path)
    assert ESCAPE not in plain + piped.stdout + piped.stderr
    assert piped.stdout.splitlines()[0][:20] in plain


@pytest.mark.parametrize(("command", "columns"), [("results", 80), ("compare", 110)])
def test_a_table_folds_only_long_names_to_fit_the_terminal(
    tmp_path: Path, command: str, columns: int
) -> None:
    name = "synthetic-of-the-longest-name"
    runs = ComposedRuns(tmp_path / "Results", write_copa(tmp_path / "Copa"))
    for seed, score in enumerate((0.7, 0.8)):
        runs.add(label=name, method="fo_lora", rate=1e-6, seed=seed, score=score)
    folded, running_on = (
        penstock_in_terminal(command, cwd=tmp_path, columns=width, environment={"NO_COLOR": "1"})
        for width in (columns, 40)
    )
    assert max(map(len, folded.splitlines())) <= columns
    assert name not in folded
    for unfolded in ("fo_lora", "1e-6", "accuracy", "0.7"):
        assert unfolded in folded
    # Where folding is not enough, nothing is folded or cut.
    assert name in running_on


def test_nothing_is_cut_or_wrapped_in_a_pipe(tmp_path: Path) -> None:
    label = "long-" * 40 + "label"
    runs = ComposedRuns(tmp_path / "Results", write_copa(tmp_path / "Copa"))
    run = runs.add(label=label)
    for arguments in (["results"], ["results", "--detail"], ["compare"], ["trace", run.path]):
        shown = penstock(*arguments, cwd=tmp_path, environment={"COLUMNS": "40"}).stdout
        assert label in shown
    assert len(penstock("compare", cwd=tmp_path).stdout.splitlines()) == 2


def test_names_with_brackets_are_not_markup(tmp_path: Path) -> None:
    runs = ComposedRuns(tmp_path / "Results", write_copa(tmp_path / "[red]" / "Copa"))
    run = runs.add(label="[bold]mine[/]", purpose="[p]")
    runs.fail("[/] broke", seed=1)
    for arguments in (["results"], ["results", "--detail"], ["compare"]):
        assert "[bold]mine[/]" in penstock(*arguments, cwd=tmp_path).stdout
    assert "[/] broke" in penstock("results", "--detail", cwd=tmp_path).stdout
    assert "[red]" in penstock("trace", run.path, cwd=tmp_path).stdout
    assert "[red]" in penstock("check", "[red]", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["compare", "--by", "seed"], "note: runs differ in their method"),
        (["migrate", "old", "new", "--dry-run"], "not migrated: Copa/mezo_gpt/version_2"),
        (["check", "broken", "data"], "2 datasets, 1 of them ok; 32 rows: 1 error"),
        (["results", "--results", "old"], "old holds no runs"),
    ],
)
def test_hints_go_to_stderr_and_quiet_leaves_them_out(
    world: World, arguments: list[str], hint: str
) -> None:
    shown, silent = (penstock(*arguments, *q, cwd=world.path) for q in ([], ["--quiet"]))
    assert hint in shown.stderr
    assert hint not in shown.stdout
    assert silent.stderr == ""
    assert silent.stdout == shown.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "nowhere"], "error: nowhere: there is no such path"),
        (["check", "old", "--against", "brokn"], "did you mean 'broken'?"),
        (["migrate", "odl", "new"], "did you mean 'old'?"),
        (["results", "--results", "Result"], "did you mean 'Results'?"),
        (["results", "--purpose", "baselin"], "did you mean 'baseline'?"),
        (["compare", "--by", "metod"], "error: --by: runs have no 'metod'; did you mean 'method'?"),
        (["compare", "--by", ","], "error: --by: names nothing"),
        (["compare", "--results", "old"], "error: old: holds no runs"),
        (["report", "new.html", "--results", "old"], "error: old: holds no runs"),
        (["trace", "old"], "error: old: holds neither a run"),
        (["demo", "old"], "old: is not an empty directory"),
        (["demo", "old/Copa/copa_train.jsonl"], "is not an empty directory"),
        (["weights", "Results", "new"], "this is not a run"),
    ],
)
def test_an_error_is_a_message_on_stderr_and_exit_code_2(
    world: World, arguments: list[str], words: str
) -> None:
    done = penstock(*arguments, cwd=world.path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", READING.values(), ids=READING)
@pytest.mark.parametrize("format", ["human", "json", "csv"])
def test_a_closed_pipe_ends_a_command_quietly(
    world: World, arguments: list[str], format: str
) -> None:
    process = subprocess.Popen(
        [*PENSTOCK, *arguments, "--format", format, "--quiet"],
        cwd=world.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 141  # the shell's exit code for SIGPIPE


def test_lines_before_a_pipe_is_closed_are_complete(world: World) -> None:
    done = subprocess.run(
        f"{PENSTOCK[0]} -m penstock results --detail | head -1",
        shell=True,
        cwd=world.path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_trace_of_a_changed_file_exits_with_1(world: World, tmp_path: Path) -> None:
    runs = ComposedRuns(tmp_path / "Results", write_copa(tmp_path / "Copa"))
    run = runs.add()
    assert penstock("trace", run.path, cwd=tmp_path).returncode == 0
    (runs.data / "copa_train.jsonl").write_text("")
    done = penstock("trace", run.path, cwd=tmp_path)
    assert done.returncode == 1
    assert "1 of 2 changed or missing" in done.stdout


@pytest.mark.parametrize("package", ["altair", "jinja2", "vl_convert"])
def test_a_report_without_its_packages_explains_how_to_install_them(
    world: World, tmp_path: Path, package: str
) -> None:
    (tmp_path / f"{package}.py").write_text("raise ImportError")
    done = penstock(
        "report", tmp_path / "new.html", cwd=world.path, environment={"PYTHONPATH": str(tmp_path)}
    )
    assert done.returncode == 2
    assert "pip install 'penstock[report]'" in done.stderr
    assert not (tmp_path / "new.html").exists()
