"""The rules between packages: import direction, private names, and who imports torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
TORCH = {"torch", "transformers", "peft", "safetensors"}
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (local name, dotted name) of everything that a module imports, also in functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def uses(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a module imports, and `imported.attribute` where it uses one."""
    imported = dict(imports(tree))
    yield from imported.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            dotted = imported.get(node.value.id)
            if dotted:
                yield f"{dotted}.{node.attr}"


def private_name(module: str, name: str) -> str | None:
    """Return the part of a name that `module` must not use, if any.

    A private module (`a._b`) is used only in its package (`a`), any other private name (`a.b._c`)
    only in its module (`a.b`).
    """
    parts = name.split(".")
    for index, part in enumerate(parts):
        if part.startswith("_") and not part.startswith("__"):
            owner, private = ".".join(parts[:index]), ".".join(parts[: index + 1])
            in_package = private in MODULES and module.startswith(f"{owner}.")
            if module != owner and not in_package and parts[0] == "penstock":
                return private
    return None


def test_imports_go_down_the_list_of_packages() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"
    assert " 0 broken." in done.stdout


def test_private_modules_and_names_are_used_only_by_their_owner() -> None:
    offenders = {
        module: sorted({found for name in uses(tree) if (found := private_name(module, name))})
        for module, tree in ((module, ast.parse(p.read_bytes())) for module, p in MODULES.items())
    }
    assert {module: names for module, names in offenders.items() if names} == {}


@pytest.mark.parametrize(
    ("module", "name", "private"),
    [
        ("penstock.cli.build", "penstock.cli._output.Output", None),
        ("penstock.cli", "penstock.cli._output.EXIT_INTERRUPTED", None),
        ("penstock.report.page", "penstock.cli._output.Output", "penstock.cli._output"),
        ("penstock.cli.build", "penstock.cli._output._console", "penstock.cli._output._console"),
        ("penstock.cli.build", "penstock.files._STAGING", "penstock.files._STAGING"),
        ("penstock.report", "penstock.__version__", None),
        ("penstock.report", "os._exit", None),
    ],
)
def test_what_counts_as_private(module: str, name: str, private: str | None) -> None:
    assert private_name(module, name) == private


def test_only_training_imports_torch_and_its_libraries() -> None:
    imported = {
        module: {dotted.partition(".")[0] for _, dotted in imports(ast.parse(path.read_bytes()))}
        for module, path in MODULES.items()
    }
    importing = {module for module, names in imported.items() if names & TORCH}
    assert "penstock.training.loop" in importing
    assert {module for module in importing if not module.startswith("penstock.training")} == set()
