"""LLaMA-Factory's environment: where it is found, inspected and created."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.llamafactory_world import stub_environment
from penstock.errors import ConfigError, PenstockError
from penstock.trainers.llamafactory.environment import (
    REQUIREMENTS,
    create_environment,
    find_environment,
    inspect,
    pinned_version,
    require_environment,
)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without LLaMA-Factory."""
    monkeypatch.delenv("LLAMAFACTORY_VENV", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def test_without_an_environment_the_error_names_the_install_command() -> None:
    assert find_environment() is None
    with pytest.raises(ConfigError, match=r"run `penstock doctor --install llamafactory`"):
        require_environment()


def test_the_variable_precedes_the_default_location(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = stub_environment(tmp_path / "data" / "penstock" / "llamafactory")
    named = stub_environment(tmp_path / "named")
    assert require_environment().cli == usual / "bin" / "llamafactory-cli"
    monkeypatch.setenv("LLAMAFACTORY_VENV", str(named))
    assert require_environment().cli == named / "bin" / "llamafactory-cli"


def test_a_variable_without_an_environment_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_environment(tmp_path / "data" / "penstock" / "llamafactory")
    monkeypatch.setenv("LLAMAFACTORY_VENV", str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match=r"LLAMAFACTORY_VENV=.*it has no bin/llamafactory-cli"):
        find_environment()


def test_the_path_is_searched_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = stub_environment(tmp_path / "somewhere")
    monkeypatch.setenv("PATH", f"{home}/bin:/usr/bin:/bin")
    found = require_environment()
    assert (found.cli, found.found) == (home / "bin" / "llamafactory-cli", "on the PATH")


@pytest.mark.parametrize("home", ["apart", "apart from the command"])
def test_the_interpreter_comes_from_the_commands_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    """`pip install --user` and pipx write such commands; the second form is for spaces."""
    stub = stub_environment(tmp_path / home)
    command = tmp_path / "user" / "llamafactory-cli"
    command.parent.mkdir()
    python = f"{stub}/bin/python"
    spaces = f"/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''"
    command.write_text(f"#!{spaces if ' ' in python else python}\n# -*- coding: utf-8 -*-\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")
    assert inspect(require_environment()).versions["llamafactory"] == "0.9.5"


def test_inspect_returns_versions_and_cuda_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMAFACTORY_VENV", str(stub_environment(tmp_path / "e", cuda_build="12")))
    contents = inspect(require_environment())
    assert contents.versions["llamafactory"] == "0.9.5"
    assert contents.cuda_build == "12"


def test_a_broken_interpreter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = stub_environment(tmp_path / "e")
    (home / "bin" / "python").write_text("#!/bin/sh\necho 'no torch here' >&2\nexit 3\n")
    monkeypatch.setenv("LLAMAFACTORY_VENV", str(home))
    with pytest.raises(ConfigError, match=r"bin/python: is broken \(no torch here\)"):
        inspect(require_environment())


@pytest.mark.parametrize("name", ["thesis.tex", "pyvenv.cfg"])
def test_a_directory_of_others_is_not_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).touch()
    with pytest.raises(PenstockError, match="has content that penstock did not create"):
        create_environment(tmp_path / "mine")
    assert (tmp_path / "mine" / name).exists()


def test_a_failure_of_pip_is_reported_and_can_be_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", ""), ("CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(f"PIP_{name}", value)
    for _ in range(2):
        with pytest.raises(PenstockError, match=r"(?s)pip install \.\.\. failed:\n.*ERROR"):
            create_environment(tmp_path / "new")


def test_every_package_is_pinned() -> None:
    lines = REQUIREMENTS.read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(line.count("==") == 1 for line in pins)
    names = {line.partition("==")[0] for line in pins}
    assert f"llamafactory=={pinned_version()}" in pins
    assert {"llamafactory", "torch", "torchaudio", "transformers"} <= names
    assert "torchvision" not in names
