"""What a build will do, before it does it: the pieces, what lies there already, an estimate."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.batches import RowBatch
from penstock.errors import ConfigError, ConflictError
from penstock.files import staging_path
from penstock.manifest import manifest_path, read_manifest
from penstock.recipes.keys import code_version, hash_of
from penstock.recipes.parts import Part
from penstock.recipes.pieces import PieceWork, list_pieces, prepare, tally_of, through_steps
from penstock.recipes.schema import Recipe
from penstock.sources import input_state, is_url

#: How much of the input an estimate reads at the most, in characters or tokens.
_SAMPLE = 1 << 21
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


@dataclass(frozen=True)
class Estimate:
    """What the first piece says about the whole; `exact` when it is the whole."""

    documents: int
    tokens: int | None
    exact: bool


def make_plan(recipe: Recipe) -> Plan:
    """Look at the inputs and at what stands where the dataset goes.

    Raises ConfigError for inputs that are not there, ConflictError where something else stands.
    """
    pieces = list_pieces(recipe)
    inputs = list(dict.fromkeys(i for s in recipe.sources.values() for i in s.inputs()))
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


def estimate(plan: Plan) -> Estimate:
    """Put the beginning of the first piece of each source through the steps, and extrapolate."""
    documents = tokens = 0.0
    exact, in_tokens = True, plan.recipe.in_tokens
    prepare(plan.recipe)
    for name in plan.recipe.sources:
        works = [work for work in plan.pieces if work.source == name]
        if not works:
            continue
        size = sum(work.piece.size for work in works)
        seen_documents, seen_tokens, share = _sample(plan.recipe, works[0])
        whole = share == 1.0 and len(works) == 1
        factor = 1.0 if whole else size / max(works[0].piece.size * share, 1.0)
        documents += seen_documents * factor
        tokens += seen_tokens * factor
        exact &= whole
    return Estimate(round(documents), round(tokens) if in_tokens else None, exact)


def _sample(recipe: Recipe, work: PieceWork) -> tuple[int, int, float]:
    """Return documents and tokens of a piece's beginning, and its share of the piece."""
    source = recipe.sources[work.source]
    tally = tally_of(recipe, source, work.piece)
    documents = tokens = 0
    for batch in through_steps(recipe, source, work.piece, tally):
        documents += len(batch)
        tokens += _size_of(batch)
        if tokens > _SAMPLE:
            # Tokens stand for about four bytes of input each, rows for what they are.
            read = tokens * (1 if isinstance(batch, RowBatch) else 4)
            return documents, tokens, min(1.0, read / max(work.piece.size, 1))
    return documents, tokens, 1.0


def _size_of(batch: Any) -> int:
    if isinstance(batch, RowBatch):
        return sum(len(str(row.get("text", ""))) for row in batch.rows)
    return len(batch.ids)


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


def _stands(plan: Plan) -> bool:
    """Say whether the dataset is built already; raises ConflictError for anything else there."""
    output = plan.recipe.output
    manifest = read_manifest(output) if manifest_path(output).is_file() else None
    if manifest is not None and manifest.recipe.get("key") == plan.key:
        return True
    if manifest is None and not _lies_there(plan):
        return False
    what = "another dataset" if manifest is not None else "something else"
    raise ConflictError(
        f"{output}: {what} stands there; remove it, or set output=DIR to write beside it"
    )
