"""What a build will do, before it does it: the input_splits, and what lies there already."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, ConflictError
from penstock.files import staging_path
from penstock.manifest import Manifest, base_dir, manifest_path, read_manifest
from penstock.recipes.keys import code_version, hash_of
from penstock.recipes.parts import Part, parts_directory
from penstock.recipes.pieces import SplitWork, list_input_splits
from penstock.recipes.schema import Recipe
from penstock.recipes.tokenizers import tokenizer_of
from penstock.sources import describe_input, input_state, is_url

_MEND = "remove it, or name another output"


@dataclass
class Plan:
    """A recipe and its input resolved; nothing is written yet.

    `identity` is the hash of recipe and code, as it stands in the manifest beside the hashes of the
    inputs; `key` that of recipe, code and the inputs' sizes and times, which tells cheaply which
    parts an interrupted build left `finished`.
    """

    recipe: Recipe
    input_splits: list[SplitWork]
    inputs: list[str]
    states: dict[str, Any]
    identity: str
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
        return parts_directory(self.work, self.key)

    @property
    def input_bytes(self) -> int:
        """How much input there is, as it lies (compressed where it is)."""
        return sum(work.input_split.size for work in self.input_splits)


def make_plan(recipe: Recipe) -> Plan:
    """Look at the inputs and at what stands where the dataset goes.

    Raises ConfigError for inputs that are not there, ConflictError where something else stands.
    """
    # The states come before the input_splits: what grows in between is found to have changed.
    inputs = inputs_of(recipe)
    states = {path: input_state(path) for path in inputs}
    input_splits = list_input_splits(recipe)
    _refuse_foreign_tokens(recipe)
    settings = {key: value for key, value in recipe.settings().items() if key != "output"}
    identity = hash_of({"recipe": settings, "code": code_version()})
    plan = Plan(recipe, input_splits, inputs, states, identity, hash_of([identity, states]))
    _refuse_overlap(plan)
    plan.done = stands(plan)
    if not plan.done:
        parts = {work.part for work in input_splits}
        plan.finished = {name for name in parts if Part(plan.parts, name).report.is_file()}
    return plan


def inputs_of(recipe: Recipe) -> list[str]:
    """Return every file that decides the dataset: of the sources, and what steps read besides."""
    found = [path for source in recipe.sources.values() for path in source.inputs()]
    for index, step in enumerate(recipe.steps):
        with recipe.naming(index):
            found += step.inputs()
    return list(dict.fromkeys(found))


def stands(plan: Plan) -> bool:
    """Say whether the dataset is built already; raises ConflictError for anything else there."""
    output = plan.recipe.output
    manifest = read_manifest(output) if manifest_path(output).is_file() else None
    if manifest is None and not _lies_there(plan):
        return False
    if manifest is None:
        raise ConflictError(f"{output}: something else stands there; {_MEND}")
    if manifest.recipe.get("key") != plan.identity or not _same_inputs(plan, manifest):
        raise ConflictError(
            f"{output}: a dataset of another recipe, input or version stands there; {_MEND}"
        )
    for entry in manifest.files:
        path = base_dir(output) / entry.path
        if not path.is_file() or path.stat().st_size != entry.size:
            raise ConflictError(
                f"{output}: stands there, built from this recipe, but {entry.path} is not what its "
                "manifest says; remove the dataset and build it again"
            )
    return True


def _refuse_foreign_tokens(recipe: Recipe) -> None:
    """Refuse sources of tokens by different tokenizers, before anything is read."""
    if any(source.gives_tokens for source in recipe.sources.values()):
        try:
            tokenizer_of(recipe)
        except ConfigError as error:
            raise recipe.document.error(error.message, ("sources",)) from None


def _same_inputs(plan: Plan, manifest: Manifest) -> bool:
    """Say whether the inputs are, byte for byte, those that a dataset was built from."""
    if len(manifest.inputs) != len(plan.inputs):
        return False
    return all(
        entry == describe_input(path)
        for path, entry in zip(plan.inputs, manifest.inputs, strict=True)
    )


def _lies_there(plan: Plan) -> bool:
    """Say whether something stands under the output's name that this build did not put there."""
    output = plan.recipe.output
    if not plan.recipe.file.as_prefix:
        return output.exists() or output.is_symlink()
    if not output.parent.is_dir() or (plan.work / publishing_mark(plan.key)).is_file():
        return False  # a build that was killed while it gave its files their names goes on
    return any(entry.name.startswith(f"{output.name}.") for entry in output.parent.iterdir())


def publishing_mark(key: str) -> str:
    """Return the name of the file that says that a build has begun to give its files names."""
    return f"publishing-{key[:16]}"


def _refuse_overlap(plan: Plan) -> None:
    """Refuse an output that holds an input, or lies in a directory that is one."""
    output = plan.recipe.output.resolve()
    for path in plan.inputs:
        if not is_url(path) and Path(path).resolve().is_relative_to(output):
            raise ConfigError(
                f"the output {plan.recipe.output} holds the input {path}; write somewhere else",
                field="output",
            )
    for source in plan.recipe.sources.values():
        named = getattr(source, "path", None)
        directory = Path(named) if isinstance(named, str | Path) and Path(named).is_dir() else None
        if directory is not None and output.is_relative_to(directory.resolve()):
            raise ConfigError(
                f"the output {plan.recipe.output} lies in the input {directory}; write beside it",
                field="output",
            )
