"""What a build will do, before it does it: the pieces, and what lies there already."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, ConflictError
from penstock.files import staging_path
from penstock.manifest import Manifest, home_of, manifest_path, read_manifest
from penstock.recipes.keys import code_version, hash_of
from penstock.recipes.parts import Part
from penstock.recipes.pieces import PieceWork, list_pieces
from penstock.recipes.schema import Recipe
from penstock.sources import input_state, is_url

KEY_FILE = "key"


@dataclass
class Plan:
    """A recipe and its input resolved; nothing is written yet.

    `key` identifies what will be built: recipe, input and code. `finished` are the parts that an
    interrupted build of the same key left.
    """

    recipe: Recipe
    pieces: list[PieceWork]
    inputs: list[str]
    states: dict[str, Any]
    key: str
    finished: set[str] = field(default_factory=set)
    #: True when the dataset stands there, built from the same recipe, input and code.
    done: bool = False

    @property
    def work(self) -> Path:
        """Where the build keeps its parts until the dataset is whole."""
        return staging_path(self.recipe.output)

    @property
    def parts(self) -> Path:
        """Where the parts lie."""
        return self.work / "parts"

    @property
    def input_bytes(self) -> int:
        """How much input there is, as it lies (compressed where it is)."""
        return sum(work.piece.size for work in self.pieces)


def make_plan(recipe: Recipe) -> Plan:
    """Look at the inputs and at what stands where the dataset goes.

    Raises ConfigError for inputs that are not there, ConflictError where something else stands.
    """
    pieces = list_pieces(recipe)
    inputs = _inputs(recipe)
    states = {path: input_state(path) for path in inputs}
    identity = {
        "recipe": {k: v for k, v in recipe.settings().items() if k != "output"},
        "inputs": states,
        "code": code_version(),
    }
    plan = Plan(recipe, pieces, inputs, states, hash_of(identity))
    _refuse_overlap(plan)
    plan.done = _stands(plan)
    if not plan.done and _key_of(plan.work) == plan.key:
        parts = {work.part for work in pieces}
        plan.finished = {name for name in parts if Part(plan.parts, name).report.is_file()}
    return plan


def _inputs(recipe: Recipe) -> list[str]:
    """Return every file that decides the dataset: of the sources, and what steps read besides."""
    found = [path for source in recipe.sources.values() for path in source.inputs()]
    for index, step in enumerate(recipe.steps):
        with recipe.naming(index):
            found += step.inputs()
    return list(dict.fromkeys(found))


def _lies_there(plan: Plan) -> bool:
    """Say whether something stands under the output's name that this build did not put there."""
    output = plan.recipe.output
    if not plan.recipe.file.as_prefix:
        return output.exists() or output.is_symlink()
    # A build that was killed while it gave its files their names goes on.
    return any(output.parent.glob(f"{output.name}.*")) and _key_of(plan.work) != plan.key


def _key_of(work: Path) -> str | None:
    try:
        return (work / KEY_FILE).read_text(encoding="ascii")
    except OSError:
        return None


def _refuse_overlap(plan: Plan) -> None:
    """Refuse an output that stands in an input, or is one."""
    output = plan.recipe.output.resolve()
    for path in plan.inputs:
        if not is_url(path) and Path(path).resolve().is_relative_to(output):
            raise ConfigError(
                f"the output {plan.recipe.output} holds the input {path}; write somewhere else",
                field="output",
            )


def _refuse_missing(manifest: Manifest, output: Path) -> None:
    for entry in manifest.files:
        path = home_of(output) / entry.path
        if not path.is_file() or path.stat().st_size != entry.size:
            raise ConflictError(
                f"{output}: stands there, built from this recipe, but {entry.path} is not what its "
                "manifest says; remove the dataset and build it again"
            )


def _stands(plan: Plan) -> bool:
    """Say whether the dataset is built already; raises ConflictError for anything else there."""
    output = plan.recipe.output
    manifest = read_manifest(output) if manifest_path(output).is_file() else None
    if manifest is not None and manifest.recipe.get("key") == plan.key:
        _refuse_missing(manifest, output)
        return True
    if manifest is None and not _lies_there(plan):
        return False
    what = "another dataset" if manifest is not None else "something else"
    raise ConflictError(
        f"{output}: {what} stands there; remove it, or set output=DIR to write beside it"
    )
