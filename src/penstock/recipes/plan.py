"""What a build will do before it does it: input splits, finished partial outputs, conflicts."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from penstock._version import __version__
from penstock.errors import ConfigError, ConflictError
from penstock.files import staging_path
from penstock.manifest import (
    OUTPUT_VERSION,
    BuildRecipe,
    Manifest,
    base_dir,
    manifest_path,
    read_manifest,
)
from penstock.recipes.partial import Partial, partials_directory
from penstock.recipes.partition import SplitTask, list_input_splits
from penstock.recipes.recipe import Recipe, in_phase_order, recipe_of
from penstock.redaction import redact
from penstock.sources import describe_input, input_state, is_url

_FIX = "remove it, or name another output"
#: Packages whose code decides no byte of a dataset.
_OTHER_PACKAGES = {"checks", "cli", "demo", "doctor", "executors", "experiments", "loading"}
_OTHER_PACKAGES |= {"migration", "report", "runs", "scripts", "synthesis", "tasks", "trainers"}
_OTHER_PACKAGES |= {"training"}
#: Libraries that decide what is read and which ids are written.
_LIBRARIES = ["fastokens", "tokenizers", "orjson", "ijson", "pyarrow", "numpy"]
_LIBRARIES += ["rapidfuzz", "scipy"]


@dataclass
class BuildPlan:
    """A recipe and its input resolved; nothing is written yet.

    `key` is the hash of the recipe, of the sizes and times of the inputs, and of the code: partial
    outputs of an interrupted build (`finished`) are only used if it is the same.
    """

    recipe: Recipe
    input_splits: list[SplitTask]
    inputs: list[str]
    states: dict[str, Any]
    key: str
    finished: set[str] = field(default_factory=set)
    #: True if the dataset exists, with this recipe, these inputs and this output version.
    done: bool = False

    @property
    def staging(self) -> Path:
        """The directory of the partial outputs until the dataset is complete."""
        return staging_path(self.recipe.output)

    @property
    def partials(self) -> Path:
        """The directory of the partial outputs with this key."""
        return partials_directory(self.staging, self.key)

    @property
    def input_bytes(self) -> int:
        """The size of the input, compressed where it is."""
        return sum(task.input_split.size for task in self.input_splits)

    @property
    def publishing_mark(self) -> Path:
        """The file that says that a build has begun to rename its files to their final names."""
        return self.staging / f"publishing-{self.key[:16]}"


def make_plan(recipe: Recipe) -> BuildPlan:
    """Return the plan of a build, from its inputs and what exists at its output.

    Raises ConfigError for missing inputs, ConflictError if something else exists at the output.
    """
    # States before input splits, so that a file that grows in between is found to have changed.
    inputs = list_inputs(recipe)
    states = {path: input_state(path) for path in inputs}
    input_splits = list_input_splits(recipe)
    if any(source.gives_tokens for source in recipe.sources.values()):
        try:
            recipe.tokenizer()
        except ConfigError as error:
            raise recipe.document.error(error.message, ("sources",)) from None
    settings = {name: value for name, value in recipe.settings().items() if name != "output"}
    plan = BuildPlan(recipe, input_splits, inputs, states, hash_of([settings, states, code_hash()]))
    _refuse_overlap(plan)
    plan.done = is_done(plan)
    if not plan.done:
        names = {task.partial for task in input_splits}
        plan.finished = {n for n in names if Partial(plan.partials, n).report_path.is_file()}
    return plan


def load_tokenize(
    inputs: Sequence[str],
    tokenizer: Path | str,
    output_prefix: Path | str,
    *,
    key: str = "text",
    append_eod: bool = False,
    options: Mapping[str, Any] | None = None,
) -> BuildPlan:
    """Return the plan of `penstock tokenize`: JSON Lines to `{output_prefix}_{key}_document`.

    `inputs` are paths, URLs or globs; `key` is the text field. `options` are further settings of
    the step tokenize (`eod`, `bos`, `empty`, `specials`, `engine`), of the source (`surrogates`)
    and of the recipe (`on_error`, `max_errors`). Raises ConfigError for missing inputs,
    ConflictError if other files have the prefix.
    """
    if not inputs:
        raise ConfigError("name at least one INPUT", field="input")
    prefix = Path(output_prefix)
    step: dict[str, Any] = {"tokenizer": str(tokenizer), "append_eod": append_eod}
    step.update(options or {})
    source = {name: step.pop(name) for name in ("surrogates",) if name in step}
    of_recipe = [name for name in ("on_error", "max_errors") if name in step]
    settings: dict[str, Any] = {name: step.pop(name) for name in of_recipe}
    recipe: dict[str, Any] = {
        "name": prefix.name,
        "source": {"kind": "jsonl", "path": list(inputs), "text": key, "metadata": [], **source},
        "steps": [{"tokenize": step}],
        "format": {"kind": "megatron", "prefix": prefix.name, "key": key},
        "output": f"{prefix}_{key}_document",
        "as_prefix": True,
        **settings,
    }
    return make_plan(recipe_of(recipe, "penstock tokenize"))


def list_inputs(recipe: Recipe) -> list[str]:
    """Return every file that decides the dataset: of the sources, and those that steps read."""
    found = [path for source in recipe.sources.values() for path in source.inputs()]
    for index, step in enumerate(recipe.steps):
        with recipe.locating(index):
            found += step.inputs()
    return list(dict.fromkeys(found))


def is_done(plan: BuildPlan) -> bool:
    """Return True if the dataset exists already; raises ConflictError if anything else does.

    It is done if recipe, inputs and output version are the same; versions of penstock, Python and
    libraries do not matter.
    """
    output = plan.recipe.output
    manifest = read_manifest(output) if manifest_path(output).is_file() else None
    if manifest is None:
        if _exists(plan):
            raise ConflictError(f"{output}: exists and is not a dataset; {_FIX}")
        return False
    if different := _difference(plan, manifest):
        raise ConflictError(f"{output}: exists, built from {different}; {_FIX}")
    for entry in manifest.files:
        path = base_dir(output) / entry.path
        if not path.is_file() or path.stat().st_size != entry.size:
            raise ConflictError(
                f"{output}: exists, built from this recipe, but {entry.path} differs from its "
                "manifest; remove the dataset and build it again"
            )
    return True


def _difference(plan: BuildPlan, manifest: Manifest) -> str | None:
    """Return what a dataset was built from that the plan has not, None if all is the same."""
    built = manifest.recipe
    if not isinstance(built, BuildRecipe):
        return f"no recipe ({built.kind})"
    if built.output_version != OUTPUT_VERSION:
        return f"output version {built.output_version} (this penstock writes {OUTPUT_VERSION})"
    planned = redact(_without_output(plan.recipe.settings()))
    if _comparable(built, manifest.schema_version) != planned:
        return "another recipe"
    if len(manifest.inputs) == len(plan.inputs):
        pairs = zip(plan.inputs, manifest.inputs, strict=True)
        if all(entry == describe_input(path) for path, entry in pairs):
            return None
    return "other inputs"


def _comparable(built: BuildRecipe, schema_version: int) -> Any:
    """Return the settings of a manifest with the defaults of settings that are newer than it."""
    added = {"kind", "output_version", "synthetic"}
    settings = built.model_dump(mode="json", exclude=added)
    try:
        if schema_version == 1:
            settings["steps"] = in_phase_order(settings["steps"])
        return redact(_without_output(recipe_of(settings, "manifest").settings()))
    except (ConfigError, ValidationError):
        return settings


def _without_output(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "output"}


def _exists(plan: BuildPlan) -> bool:
    """Return True if something exists at the output that this build did not write."""
    output = plan.recipe.output
    if not plan.recipe.file.as_prefix:
        return output.exists() or output.is_symlink()
    if not output.parent.is_dir() or plan.publishing_mark.is_file():
        return False  # a build that was killed while it renamed its files continues
    return any(entry.name.startswith(f"{output.name}.") for entry in output.parent.iterdir())


def _refuse_overlap(plan: BuildPlan) -> None:
    """Refuse an output that contains an input, or is inside an input directory."""
    output = plan.recipe.output.resolve()
    for path in plan.inputs:
        if not is_url(path) and Path(path).resolve().is_relative_to(output):
            raise ConfigError(
                f"the output {plan.recipe.output} contains the input {path}; write elsewhere",
                field="output",
            )
    for source in plan.recipe.sources.values():
        named = getattr(source, "path", None)
        directory = Path(named) if isinstance(named, str | Path) and Path(named).is_dir() else None
        if directory is not None and output.is_relative_to(directory.resolve()):
            raise ConfigError(
                f"the output {plan.recipe.output} is inside the input {directory}; write beside it",
                field="output",
            )


def hash_of(value: Any) -> str:
    """Return the SHA-256 (hex) of plain data, independent of the order of keys."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


@cache
def code_hash() -> str:
    """Return the SHA-256 (hex) of the code and library versions that make partial outputs."""
    digest = hashlib.sha256(f"{__version__}\n{sys.version}\n".encode())
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            digest.update(f"{name} {version(name)}\n".encode())
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).parts[0] not in _OTHER_PACKAGES:
            digest.update(path.read_bytes())
    return digest.hexdigest()
