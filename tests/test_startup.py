"""`import penstock` and the help of every command load no slow module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

HEAVY = {"torch", "transformers", "numba", "pandas", "pyarrow", "numpy", "altair", "peft"}
#: Packages that a command imports only when it runs.
PACKAGES = {"penstock.runs", "penstock.experiments", "penstock.checks", "penstock.report"}
#: Runs the command line and prints the loaded top-level modules at exit.
COMMAND = """
import atexit, sys
atexit.register(lambda: print(*sorted(m for m in sys.modules if "." not in m), file=sys.stderr))
from penstock.cli import main
sys.argv = ["penstock", *sys.argv[1:]]
main()
"""


def run(code: str, arguments: Sequence[str] = ()) -> tuple[str, set[str]]:
    """Return the stdout of a program, and the names of modules on its stderr."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    loaded = set(done.stderr.split())
    assert "sys" in loaded
    return done.stdout, loaded


def commands() -> list[str]:
    from penstock.cli import app

    return sorted(
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback is not None
    )


def test_importing_penstock_loads_nothing_heavy() -> None:
    _, loaded = run("import sys, penstock; print(*sys.modules, file=sys.stderr)")
    assert loaded & HEAVY == set()
    assert loaded & {"pydantic", "yaml", "typer", "rich", "orjson"} == set()


def test_help_loads_nothing_heavy() -> None:
    shown, loaded = run(COMMAND, ["--help"])
    assert "Usage" in shown
    assert all(command in shown for command in commands())
    assert loaded & (HEAVY | PACKAGES) == set()


@pytest.mark.parametrize("command", commands())
def test_the_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    shown, loaded = run(COMMAND, [command, "--help"])
    assert f"penstock {command}" in shown
    assert loaded & (HEAVY | PACKAGES) == set()


def test_every_public_name_exists() -> None:
    code = (
        "import penstock, sys\n"
        "print(*[type(getattr(penstock, name)).__name__ for name in dir(penstock)])\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    shown, loaded = run(code)
    assert set(shown.split()) <= {"function", "str", "type", "ABCMeta"}
    assert loaded & {"torch", "transformers", "peft"} == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    import penstock

    with pytest.raises(AttributeError, match="module 'penstock' has no attribute 'trian'"):
        penstock.trian  # noqa: B018
