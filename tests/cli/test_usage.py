"""The help texts of the command line, and errors about wrong usage."""

from __future__ import annotations

from pathlib import Path

import pytest

import penstock as package
from helpers.cli_world import World
from helpers.command import penstock

COMMANDS = {
    "migrate": ("--link", "--pick", "--all-versions", "--dry-run", "--replace", "--quiet"),
    "check": ("--against", "--format", "--quiet"),
    "train": ("--dry-run", "--format", "--quiet"),
    "results": ("--purpose", "--detail", "--results", "--format", "--quiet"),
    "compare": ("--by", "--purpose", "--results", "latex", "--quiet"),
    "report": ("--by", "--purpose", "--results", "--format", "--quiet"),
    "trace": ("--format", "--quiet"),
    "weights": ("--step", "--format", "--quiet"),
    "schema": ("experiment",),
    "demo": ("directory",),
}


def test_the_help_lists_every_command(tmp_path: Path) -> None:
    for option in ("--help", "-h"):
        done = penstock(option, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert all(f" {command} " in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_names_its_options(command: str, tmp_path: Path) -> None:
    done = penstock(command, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(option in done.stdout for option in COMMANDS[command])
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert penstock("--version", cwd=tmp_path).stdout == f"penstock {package.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nope"],
        ["nope"],
        *([command, "--nope"] for command in COMMANDS),
        ["results", "--format", "xml"],
        ["compare", "--format", "latx"],
        ["check"],
        ["migrate", "old"],
        ["trace"],
        ["weights", "run"],
        ["weights", "run", "new", "--step", "-1"],
        ["weights", "run", "new", "--step", "ten"],
        ["schema", "experimnt"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_a_message_on_stderr_and_exit_code_2(
    arguments: list[str], tmp_path: Path
) -> None:
    done = penstock(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--pick", "--all-versions"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["Copa"], "'Copa' must have the form NAME=VALUE"),
        (["Copa="], "'Copa=' must have the form NAME=VALUE"),
        (["=mezo_gpt"], "'=mezo_gpt' must have the form NAME=VALUE"),
        (["Copa=a", "Copa=b"], "'Copa' is given twice"),
    ],
)
def test_an_invalid_pick_stops_a_migration_before_it_begins(
    world: World, tmp_path: Path, option: str, values: list[str], words: str
) -> None:
    new = tmp_path / "new"
    options = [part for value in values for part in (option, value)]
    done = penstock("migrate", "old", new, *options, cwd=world.path)
    assert (done.returncode, done.stdout) == (2, "")
    assert option in done.stderr
    assert words in done.stderr
    assert not new.exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--by", "method"), ("--purpose", "p"), ("--results", "Results")]
)
def test_a_report_of_datasets_refuses_options_about_runs(
    option: str, value: str, tmp_path: Path
) -> None:
    done = penstock("report", "--data", ".", option, value, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{option}: is about runs, but --data reports on datasets" in done.stderr
    assert list(tmp_path.iterdir()) == []
