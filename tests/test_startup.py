"""Importing penstock and asking a verb for help loads nothing that takes long to load."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

HEAVY = {"torch", "transformers", "numba", "pandas", "pyarrow", "numpy", "altair", "peft"}
#: What rooms below the command line cost is paid by the verb that needs them.
ROOMS = {"penstock.runs", "penstock.experiments", "penstock.checks", "penstock.report"}
#: Runs the command line and prints the modules that are loaded when it ends.
COMMAND = """
import atexit, sys
atexit.register(lambda: print(*sorted(m for m in sys.modules if "." not in m), file=sys.stderr))
from penstock.cli import main
sys.argv = ["penstock", *sys.argv[1:]]
main()
"""


def run(code: str, arguments: Sequence[str] = ()) -> tuple[str, set[str]]:
    """Return what a program prints and the modules that it says it has loaded."""
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


def verbs() -> list[str]:
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
    assert all(verb in shown for verb in verbs())
    assert loaded & (HEAVY | ROOMS) == set()


@pytest.mark.parametrize("verb", verbs())
def test_the_help_of_a_verb_loads_nothing_heavy(verb: str) -> None:
    shown, loaded = run(COMMAND, [verb, "--help"])
    assert f"penstock {verb}" in shown
    assert loaded & (HEAVY | ROOMS) == set()


def test_every_name_of_the_package_is_there() -> None:
    code = (
        "import penstock, sys\n"
        "print(*[type(getattr(penstock, name)).__name__ for name in dir(penstock)])\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    shown, loaded = run(code)
    assert set(shown.split()) <= {"function", "str", "type", "ABCMeta"}
    assert loaded & {"torch", "transformers", "peft"} == set()


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import penstock

    with pytest.raises(AttributeError, match="module 'penstock' has no attribute 'trian'"):
        penstock.trian  # noqa: B018
