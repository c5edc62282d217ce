"""The keys of a recipe file, and what the registered names in it stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from penstock.config import (
    Document,
    FileName,
    Options,
    apply_overrides,
    config_error,
    read_yaml,
    validate,
)
from penstock.errors import ConfigError
from penstock.formats import FORMATS, Format
from penstock.recipes.writing_out import written_out
from penstock.registry import Registry
from penstock.sources import SOURCES, Source
from penstock.splits import SPLIT_NAMES
from penstock.steps import STEPS, Stage, Step

Part = TypeVar("Part", bound=Options)

#: How results call the source of a recipe that has one.
ONLY_SOURCE = "source"
#: The number of a source stands in a byte of each document.
MOST_SOURCES = 255
_MEBIBYTE = 1 << 20


class Card(Options):
    """What a dataset card says besides what the manifest knows."""

    language: list[str] = Field(
        default_factory=list, description="The languages of the text, as the hub has them: [en]."
    )
    license: str | None = Field(None, description="The licence, as the hub has it: apache-2.0.")


class RecipeFile(Options):
    """What a recipe file holds."""

    name: FileName | None = Field(
        None, description="How the dataset is called; null: as its output."
    )
    description: str = Field("", description="What the dataset is for.")
    seed: int = Field(0, ge=0, description="Decides every shuffle and mixture.")
    source: dict[str, Any] | None = Field(None, description="Where the rows come from: one kind.")
    sources: dict[FileName, dict[str, Any]] | None = Field(
        None,
        max_length=MOST_SOURCES,
        description="Several sources by name, one after the other unless a step mixes them.",
    )
    steps: list[str | dict[str, dict[str, Any] | None]] = Field(
        default_factory=list, description="What is done to the rows, in this order."
    )
    format: str | dict[str, Any] = Field(description="How the dataset lies on disk.")
    output: str = Field(description="Where the dataset goes; it must not be there yet.")
    as_prefix: bool = Field(
        False, description="The output is no directory but what the names of its files begin with."
    )
    on_error: Literal["fail", "skip"] = Field(
        "fail", description="What a row that cannot be used does: end the build, or be left out."
    )
    max_errors: int = Field(
        100, ge=0, description="The most rows that `on_error: skip` leaves out before it fails."
    )
    redact: bool = Field(
        False, description="The text is confidential: show and check mask it unless told otherwise."
    )
    card: bool | Card = Field(
        False,
        description="Write README.md, a dataset card that the Hugging Face hub and `datasets` "
        "read, into the dataset: true, or {language: [en], license: apache-2.0}.",
    )
    preset: dict[str, Any] | None = Field(
        None, description="The named recipe, and its settings, that this one was made of."
    )
    piece_bytes: int = Field(
        16 * _MEBIBYTE,
        ge=1,
        description="About how much input is one input_split of work, in bytes.",
    )

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if (self.source is None) == (self.sources is None):
            raise ValueError("give either source, or sources by name")
        if self.sources is not None and not self.sources:
            raise ValueError("sources must name at least one source")
        if self.card and self.as_prefix:
            raise ValueError("a card needs a directory; remove `card` or `as_prefix`")
        return self


@dataclass(frozen=True)
class Recipe:
    """A recipe resolved: every name is the thing it stands for, every setting is checked."""

    file: RecipeFile
    document: Document
    sources: Mapping[str, Source]
    source_kinds: Mapping[str, str]
    steps: Sequence[Step]
    step_names: Sequence[str]
    format: Format

    @property
    def output(self) -> Path:
        """Where the dataset goes."""
        return Path(self.file.output)

    @property
    def name(self) -> str:
        """How the dataset is called."""
        return self.file.name or self.output.name

    @property
    def in_tokens(self) -> bool:
        """True when the dataset holds tokens, False when it holds rows of text."""
        given = any(source.gives_tokens for source in self.sources.values())
        return given or any(step.gives is Stage.TOKENS for step in self.steps)

    def steps_on(self, source_name: str) -> list[Step]:
        """Return the steps that rows of a source go through."""
        return [step for step in self.steps if step.works_on(source_name)]

    @contextmanager
    def naming(self, index: int) -> Iterator[None]:
        """Give a ConfigError of the step with this index, raised in the block, its place."""
        try:
            yield
        except ConfigError as error:
            if error.file is not None:
                raise
            place = ("steps", index, self.step_names[index])
            raise self.document.error(error.message, place) from None

    def settings(self) -> dict[str, Any]:
        """Return every setting, defaults included, as plain data that `recipe_of` takes back."""
        return {
            **self.file.model_dump(mode="json", exclude={"source", "sources", "steps", "format"}),
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
    """Return the recipe of a file, with `key.path=value` overrides laid over it.

    Raises ConfigError, with line and caret, for what does not fit.
    """
    document = read_yaml(path)
    apply_overrides(document, overrides)
    return resolve(document)


def recipe_of(settings: Mapping[str, Any], name: str = "recipe") -> Recipe:
    """Return the recipe of plain data, as a file would hold it; `name` is what errors call it.

    Raises ConfigError for what does not fit.
    """
    return resolve(Document(dict(settings), name))


def resolve(document: Document) -> Recipe:
    """Return the recipe of a document; raises ConfigError at the place of what does not fit."""
    if "recipe" in document.data:
        document = written_out(document)
    file = validate(document, RecipeFile)
    if file.sources is None:
        sources = {ONLY_SOURCE: _source(document, file.source or {}, ("source",))}
    else:
        sources = {
            name: _source(document, settings, ("sources", name))
            for name, settings in file.sources.items()
        }
    steps = [_step(document, entry, ("steps", i)) for i, entry in enumerate(file.steps)]
    recipe = Recipe(
        file,
        document,
        sources={name: source for name, (_, source) in sources.items()},
        source_kinds={name: kind for name, (kind, _) in sources.items()},
        steps=[step for _, step in steps],
        step_names=[name for name, _ in steps],
        format=_format(document, file.format),
    )
    _check_order(recipe)
    return recipe


def _source(
    document: Document, settings: Mapping[str, Any], place: tuple[str, ...]
) -> tuple[str, Source]:
    settings = dict(settings)
    kind = settings.pop("kind", None)
    if not isinstance(kind, str):
        known = ", ".join(SOURCES.names())
        raise document.error(f"kind is required: which source it is ({known})", place)
    return kind, _part(document, SOURCES, kind, settings, (*place, "kind"), place)


def _step(
    document: Document, entry: str | Mapping[str, Any], place: tuple[str | int, ...]
) -> tuple[str, Step]:
    if isinstance(entry, str):
        return entry, _part(document, STEPS, entry, {}, place, place)
    if len(entry) != 1:
        raise document.error("a step is its name, or one name with its settings", place)
    [(name, settings)] = entry.items()
    return name, _part(document, STEPS, name, settings or {}, (*place, name), (*place, name))


def _format(document: Document, entry: str | Mapping[str, Any]) -> Format:
    if isinstance(entry, str):
        return _part(document, FORMATS, entry, {}, ("format",), ("format",))
    settings = dict(entry)
    kind = settings.pop("kind", None)
    if not isinstance(kind, str):
        known = ", ".join(FORMATS.names())
        raise document.error(f"kind is required: which format it is ({known})", ("format",))
    return _part(document, FORMATS, kind, settings, ("format", "kind"), ("format",))


def _part(
    document: Document,
    registry: Registry[type[Part]],
    name: str,
    settings: Mapping[str, Any],
    name_place: tuple[str | int, ...],
    place: tuple[str | int, ...],
) -> Part:
    """Return the registered thing `name` with its settings, which stand at `place`."""
    try:
        model = registry.get(name)
    except ConfigError as error:
        raise document.error(error.message, name_place) from None
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        raise config_error(error, document, model, place) from None


def _check_order(recipe: Recipe) -> None:
    """Refuse a step that would get what it does not take."""
    document = recipe.document
    kinds = {source.gives_tokens for source in recipe.sources.values()}
    if len(kinds) > 1:
        raise document.error("some sources give text and some give tokens", ("sources",))
    tokens = kinds == {True}
    stage = Stage.TOKENS if tokens else Stage.ROWS
    for index, (name, step) in enumerate(zip(recipe.step_names, recipe.steps, strict=True)):
        if step.needs_tokens and not tokens:
            raise document.error(_out_of_order(name, step, Stage.ROWS), ("steps", index))
        if step.takes is not stage and step.takes is not Stage.ORDER:
            raise document.error(_out_of_order(name, step, stage), ("steps", index))
        with recipe.naming(index):
            step.verify(recipe.steps[:index], tuple(recipe.sources))
        # A step over all splits comes before those on each, and leaves rows as they are.
        if not (step.takes is Stage.ORDER and step.across_splits):
            stage = step.gives
        tokens |= stage is Stage.TOKENS
    try:
        recipe.format.views(SPLIT_NAMES, tuple(recipe.sources))
    except ConfigError as error:
        raise document.error(error.message, ("format", error.field or "")) from None
    if recipe.in_tokens != recipe.format.takes_tokens:
        name = recipe.format.name
        if recipe.format.takes_tokens:
            raise document.error(f"{name} holds tokens; add the step tokenize", ("format",))
        raise document.error(f"{name} holds rows of text; take the step tokenize out", ("format",))


def _out_of_order(name: str, step: Step, stage: Stage) -> str:
    if stage is Stage.ROWS:
        return f"{name} works on tokens; put the step tokenize before it"
    if step.takes is Stage.ROWS:
        before = "tokenize" if stage is Stage.TOKENS else "the steps on the whole dataset"
        return f"{name} works on rows; put it before {before}"
    return f"{name} works on single documents; put it before the steps on the whole dataset"
