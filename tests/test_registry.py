"""Objects are found by name: modules of a package, and entry points of other distributions."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock.registry import Registry


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with two modules that define THING, and a private one."""
    name = f"animals_{tmp_path.name.replace('-', '_')}"
    directory = tmp_path / name
    directory.mkdir()
    for module in ("__init__", "cat", "horse", "_base"):
        (directory / f"{module}.py").write_text(f"THING = '{module}'\n")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def register(site: Path, distribution: str, group: str, points: str) -> None:
    """Install a distribution with entry points."""
    info = site / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    (info / "METADATA").write_text(metadata)
    (info / "entry_points.txt").write_text(f"[{group}]\n{points}\n")


def test_a_module_is_imported_when_its_object_is_requested(package: str) -> None:
    registry: Registry[str] = Registry("animal", package, "THING")
    assert registry.names() == ["cat", "horse"]
    assert f"{package}.cat" not in sys.modules
    assert registry.get("cat") == "cat"
    assert f"{package}.horse" not in sys.modules


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hrose", "there is no animal 'hrose'; did you mean 'horse'? Known: cat, horse"),
        ("zebra", "there is no animal 'zebra'; known: cat, horse"),
        ("_base", "there is no animal '_base'; known: cat, horse"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(package: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Registry[str]("animal", package, "THING").get(name)
    assert str(caught.value) == message


def test_an_entry_point_is_found(package: str, tmp_path: Path) -> None:
    (tmp_path / f"{package}_more.py").write_text("DOG = 'dog'\n")
    register(tmp_path, "kennel", package, f"dog = {package}_more:DOG")
    registry: Registry[str] = Registry("animal", package, "THING")
    assert registry.names() == ["cat", "dog", "horse"]
    assert f"{package}_more" not in sys.modules
    assert registry.get("dog") == "dog"


def test_an_entry_point_that_cannot_be_loaded_is_named(package: str, tmp_path: Path) -> None:
    register(tmp_path, "kennel", package, "dog = nowhere_at_all:DOG")
    registry: Registry[str] = Registry("animal", package, "THING")
    assert registry.get("cat") == "cat"
    with pytest.raises(ConfigError, match=r"the animal 'dog' of the package 'kennel' cannot be lo"):
        registry.get("dog")


def test_a_name_in_two_distributions_is_refused(package: str, tmp_path: Path) -> None:
    register(tmp_path, "kennel", package, "cat = nowhere_at_all:CAT")
    registry: Registry[str] = Registry("animal", package, "THING")
    assert registry.names() == ["cat", "horse"]
    with pytest.raises(ConfigError) as caught:
        registry.get("cat")
    assert str(caught.value) == (
        "penstock and the package 'kennel' each have the animal 'cat'; uninstall one of them"
    )
