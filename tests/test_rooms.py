"""Imports go down the list of rooms, and only training knows torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "penstock"
HEAVY = {"torch", "transformers", "peft", "safetensors"}


def test_every_contract_of_the_rooms_is_kept() -> None:
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


def imported(module: Path) -> set[str]:
    """Return the packages that a module imports anywhere in it, in functions too."""
    packages: set[str] = set()
    for node in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(node, ast.Import):
            packages |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            packages.add(node.module.partition(".")[0])
    return packages


def test_only_training_imports_torch_and_what_goes_with_it() -> None:
    outside = [path for path in SOURCE.rglob("*.py") if SOURCE / "training" not in path.parents]
    found = {str(path): heavy for path in outside if (heavy := imported(path) & HEAVY)}
    assert found == {}
    assert "torch" in imported(SOURCE / "training" / "loop.py")
