"""A recipe file with its names resolved: sources, steps and format, in an order that can run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from penstock.config import Document, Options, apply_overrides, config_error, read_yaml, validate
from penstock.errors import ConfigError, StepError, did_you_mean_path
from penstock.formats import FORMATS, Format, View
from penstock.recipes.presets import PRESETS
from penstock.recipes.schema import RecipeFile
from penstock.registry import Registry
from penstock.sources import SOURCES, Source
from penstock.splits import SPLIT_NAMES
from penstock.steps import STEPS, DatasetStep, MeasuringStep, RowStep, Step, StepPosition, TokenStep

Part = TypeVar("Part", bound=Options)

#: The name of the source of a recipe with one source.
ONLY_SOURCE = "source"


@dataclass(frozen=True)
class Recipe:
    """A recipe with every name resolved and every setting validated."""

    file: RecipeFile
    document: Document
    sources: Mapping[str, Source]
    source_kinds: Mapping[str, str]
    steps: Sequence[Step]
    step_names: Sequence[str]
    format: Format

    @property
    def output(self) -> Path:
        """The path of the dataset."""
        return Path(self.file.output)

    @property
    def name(self) -> str:
        """The name of the dataset."""
        return self.file.name or self.output.name

    @property
    def source_names(self) -> tuple[str, ...]:
        """The names of the sources; a source's index is its code in the column `source`."""
        return tuple(self.sources)

    @cached_property
    def labels(self) -> list[str]:
        """The name of each step in reports: `filter`, or `filter.short` with `name: short`."""
        pairs = zip(self.step_names, self.steps, strict=True)
        return [f"{name}.{step.report_name}" if step.report_name else name for name, step in pairs]

    @property
    def in_tokens(self) -> bool:
        """True if the dataset holds tokens, False for rows of text."""
        return any(s.gives_tokens for s in self.sources.values()) or "tokenize" in self.step_names

    @property
    def views(self) -> Sequence[View]:
        """The views of the format: its files are the splits unless it has others."""
        return self.format.views(SPLIT_NAMES, self.source_names)

    def dataset_steps(self, *, across_splits: bool) -> list[tuple[int, DatasetStep]]:
        """Return the steps on the whole dataset with their indices, in order."""
        return [
            (index, step)
            for index, step in enumerate(self.steps)
            if isinstance(step, DatasetStep) and step.capabilities.across_splits == across_splits
        ]

    def tokenizer(self) -> dict[str, Any] | None:
        """Return the tokenizer's manifest entry: that of the step, else that of the sources.

        Raises ConfigError if sources of tokens have different tokenizers, or one has an unknown
        tokenizer: the ids of one mean nothing to another, and most would be in range.
        """
        for step in self.steps:
            if (identity := step.tokenizer_identity()) is not None:
                return identity
        declared = {
            name: source.tokenizer_identity()
            for name, source in self.sources.items()
            if not source.synthetic
        }
        known = {name: identity for name, identity in declared.items() if identity is not None}
        if not known:
            return None
        first, tokenizer = next(iter(known.items()))
        for name, identity in declared.items():
            if identity is None:
                raise ConfigError(
                    f"the tokenizer of the source {name} is not known, that of {first} is "
                    f"{tokenizer['path']}; set `tokenizer: DIR` in the source"
                )
            if identity["sha256"] != tokenizer["sha256"]:
                raise ConfigError(
                    f"the sources {first} and {name} have different tokenizers "
                    f"({tokenizer['path']}, {identity['path']}); build them again with one"
                )
        return tokenizer

    @contextmanager
    def locating(self, index: int) -> Iterator[None]:
        """Add file, line and column of the step with this index to errors raised in the block."""
        path: tuple[str | int, ...] = ("steps", index, self.step_names[index])
        try:
            yield
        except StepError as error:
            if error.file is not None:
                raise
            message = error.message
            if error.setting is not None:
                path = (*path, error.setting)
                written = self.document.written_path(path)
                shown = error.setting if written[:2] == path[:2] else ".".join(map(str, written))
                message = message.replace("{setting}", f"`{shown}`")
            at = self.document.error(message, path)
            names = ("file", "line", "column", "field", "source")
            location = {name: getattr(at, name) for name in names}
            step = self.labels[index]
            raise StepError(message, setting=error.setting, step=step, **location) from None
        except ConfigError as error:
            if error.file is not None:
                raise
            field = tuple(error.field.split(".")) if error.field else ()
            raise self.document.error(error.message, (*path, *field)) from None

    def settings(self) -> dict[str, Any]:
        """Return every setting, defaults included, as plain data that `recipe_of` accepts."""
        return {
            **self.file.model_dump(mode="json", exclude={"source", "sources", "steps", "format"}),
            "redact": self.file.redact or any(s.confidential for s in self.sources.values()),
            "sources": {
                name: {"kind": self.source_kinds[name], **source.model_dump(mode="json")}
                for name, source in self.sources.items()
            },
            "steps": [
                {name: step.model_dump(mode="json")}
                for name, step in zip(self.step_names, self.steps, strict=True)
            ],
            "format": {"kind": self.format.name, **self.format.model_dump(mode="json")},
        }


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Return the recipe of a file with `key.path=value` overrides.

    Raises ConfigError, with line and caret, for what is invalid.
    """
    document = read_yaml(path)
    apply_overrides(document, overrides)
    return resolve(document)


def recipe_of(settings: Mapping[str, Any], name: str = "recipe") -> Recipe:
    """Return the recipe of plain data, as in a file; `name` is its name in errors.

    Raises ConfigError for what is invalid.
    """
    return resolve(Document(dict(settings), name))


def resolve(document: Document) -> Recipe:
    """Return the recipe of a document; raises ConfigError with the location of what is invalid."""
    if "recipe" in document.data:
        document = _expand_preset(document)
    file = validate(document, RecipeFile)
    if file.sources is None:
        sources = {ONLY_SOURCE: _of_kind(document, SOURCES, file.source or {}, ("source",))}
    else:
        sources = {
            name: _of_kind(document, SOURCES, settings, ("sources", name))
            for name, settings in file.sources.items()
        }
    if isinstance(file.format, str):
        form = _resolved(document, FORMATS, file.format, {}, ("format",), ("format",))
    else:
        _, form = _of_kind(document, FORMATS, file.format, ("format",))
    steps = [_step(document, entry, ("steps", i)) for i, entry in enumerate(file.steps)]
    recipe = Recipe(
        file,
        document,
        sources={name: source for name, (_, source) in sources.items()},
        source_kinds={name: kind for name, (kind, _) in sources.items()},
        steps=[step for _, step in steps],
        step_names=[name for name, _ in steps],
        format=form,
    )
    _check_steps(recipe)
    try:
        _ = recipe.views
    except ConfigError as error:
        raise document.error(error.message, ("format", error.field or "")) from None
    if recipe.in_tokens and not form.takes_tokens:
        raise document.error(f"{form.name} holds rows of text; remove `tokenize`", ("format",))
    if form.takes_tokens and not recipe.in_tokens:
        raise document.error(f"{form.name} holds tokens; add the step `tokenize`", ("format",))
    return recipe


def _expand_preset(document: Document) -> Document:
    """Return the full recipe of a file with `recipe: NAME`.

    Values keep the location of the setting that they come from. Raises ConfigError for invalid
    settings and missing files.
    """
    name = document.data["recipe"]
    if not isinstance(name, str):
        known = ", ".join(PRESETS.names())
        raise document.error(f"must name a recipe ({known})", ("recipe",))
    try:
        model = PRESETS.get(name)
    except ConfigError as error:
        raise document.error(error.message, ("recipe",)) from None
    preset = validate(document, model)
    seen: dict[Path, str] = {}
    for path, file, hint in preset.files():
        if not file.exists():
            fix = did_you_mean_path(file) or f"; {hint}"
            raise document.error(f"there is no {file}{fix}", path)
        setting = ".".join(map(str, path))
        if (other := seen.setdefault(file.resolve(), setting)) != setting:
            raise document.error(f"{file} is also {other}; {hint}", path)
    if not preset.sources():
        left_out = ", ".join(preset.left_out())
        raise document.error(f"no source is left: {left_out} are null")
    settings, origins = preset.settings(), preset.origins()
    return Document(settings, document.file, document.text, document.marks, origins)


def _of_kind(
    document: Document,
    registry: Registry[type[Part]],
    entry: Mapping[str, Any],
    path: tuple[str, ...],
) -> tuple[str, Part]:
    """Return the kind of a source or format, and the object with its settings."""
    settings = dict(entry)
    kind = settings.pop("kind", None)
    if not isinstance(kind, str):
        known = ", ".join(registry.names())
        what = "the format" if registry.kind == "format" else f"the kind of {registry.kind}"
        raise document.error(f"kind is required: {what} ({known})", path)
    return kind, _resolved(document, registry, kind, settings, (*path, "kind"), path)


def _step(
    document: Document, entry: str | Mapping[str, Any], path: tuple[str | int, ...]
) -> tuple[str, Step]:
    if isinstance(entry, str):
        return entry, _resolved(document, STEPS, entry, {}, path, path)
    if len(entry) != 1:
        raise document.error("a step is its name, or one name with its settings", path)
    [(name, settings)] = entry.items()
    return name, _resolved(document, STEPS, name, settings or {}, (*path, name), (*path, name))


def _resolved(
    document: Document,
    registry: Registry[type[Part]],
    name: str,
    settings: Mapping[str, Any],
    name_path: tuple[str | int, ...],
    path: tuple[str | int, ...],
) -> Part:
    """Return the registered class `name` with the settings at `path`."""
    try:
        model = registry.get(name)
    except ConfigError as error:
        raise document.error(error.message, name_path) from None
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        raise config_error(error, document, model, path) from None


#: The phases of a build, in order; each step belongs to one.
_PHASES = {
    0: "single rows",
    1: "what is stored of each row",
    2: "the tokens of single documents",
    3: "the whole dataset",
    4: "each split of the dataset",
}


def _phase(step: Step) -> int:
    if isinstance(step, RowStep):
        return 1 if step.capabilities.stores else 0
    if isinstance(step, TokenStep):
        return 2
    return 3 if step.capabilities.across_splits else 4


def in_phase_order(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the steps of a manifest in the order in which penstock 0.1.0 executed them."""

    def phase(entry: Mapping[str, Any]) -> int:
        [(name, settings)] = entry.items()
        return _phase(STEPS.get(name).model_validate(settings))

    return sorted(entries, key=phase)


def _check_steps(recipe: Recipe) -> None:
    """Refuse an order that cannot be executed as written, and steps without their input."""
    document, names = recipe.document, recipe.step_names
    kinds = {source.gives_tokens for source in recipe.sources.values()}
    if len(kinds) > 1:
        raise document.error("some sources give text and some give tokens", ("sources",))
    text = kinds != {True}
    phases = [_phase(step) for step in recipe.steps]
    for index, (name, step) in enumerate(zip(names, recipe.steps, strict=True)):
        path = ("steps", index)
        latest = max(range(index + 1), key=lambda i: phases[i])
        if phases[latest] > phases[index]:
            in_order = sorted(range(len(names)), key=lambda i: phases[i])
            raise document.error(
                f"`{name}` works on {_PHASES[phases[index]]}, and `{names[latest]}` before it on "
                f"{_PHASES[phases[latest]]}. Steps run in the order written; write: "
                f"{', '.join(recipe.labels[i] for i in in_order)}",
                path,
            )
        stored = [n for n, phase in zip(names[:index], phases, strict=False) if phase == 1]
        if phases[index] == 1 and stored:
            raise document.error(f"`{stored[-1]}` already decides what is stored; keep one", path)
        tokens = not text or "tokenize" in names[: index + 1]
        if not text and (isinstance(step, RowStep | MeasuringStep)):
            raise document.error(f"`{name}` needs rows of text; the source gives tokens", path)
        if (isinstance(step, TokenStep) or step.capabilities.needs_tokens) and not tokens:
            raise document.error(f"`{name}` works on tokens; put `tokenize` before it", path)
        with recipe.locating(index):
            before, after = recipe.steps[:index], recipe.steps[index + 1 :]
            step.verify(StepPosition(before, after, recipe.source_names))
