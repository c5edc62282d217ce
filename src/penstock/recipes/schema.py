"""The keys of a recipe file, and its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from penstock.config import FileName, Options
from penstock.formats import FORMATS
from penstock.recipes.presets import PRESETS
from penstock.registry import Registry
from penstock.sources import SOURCES
from penstock.steps import STEPS

#: The number of a source is stored in one byte for each document.
MAX_SOURCES = 255
_MEBIBYTE = 1 << 20


class Card(Options):
    """Metadata of a dataset card that the manifest does not have."""

    language: list[str] = Field(
        default_factory=list, description="The languages of the text, as on the hub: [en]."
    )
    license: str | None = Field(None, description="The licence, as on the hub: apache-2.0.")


class RecipeFile(Options):
    """The content of a recipe file."""

    name: FileName | None = Field(
        None, description="The name of the dataset; null: that of the output."
    )
    description: str = Field("", description="What the dataset is for.")
    seed: int = Field(0, ge=0, description="The seed of every shuffle, sample and mixture.")
    source: dict[str, Any] | None = Field(None, description="The source of the rows: a kind.")
    sources: dict[FileName, dict[str, Any]] | None = Field(
        None,
        max_length=MAX_SOURCES,
        description="Several sources by name, one after the other unless a step mixes them.",
    )
    steps: list[str | dict[str, dict[str, Any] | None]] = Field(
        default_factory=list,
        description="The steps, executed in this order: steps on rows, then on tokens, then on "
        "the whole dataset.",
    )
    format: str | dict[str, Any] = Field(description="The format of the dataset.")
    output: str = Field(description="The path of the dataset; it must not exist yet.")
    as_prefix: bool = Field(
        False, description="The output is not a directory but the prefix of the file names."
    )
    on_error: Literal["fail", "skip"] = Field(
        "fail", description="On an unusable row: fail, or skip and count it."
    )
    max_errors: int = Field(
        100, ge=0, description="The most rows that `on_error: skip` skips before it fails."
    )
    redact: bool = Field(
        False, description="The text is confidential: show and check mask it unless asked for."
    )
    card: bool | Card = Field(
        False,
        description="Write README.md, a dataset card that the Hugging Face hub and `datasets` "
        "read: true, or {language: [en], license: apache-2.0}.",
    )
    preset: dict[str, Any] | None = Field(
        None, description="The named recipe that this one was made from, with its settings."
    )
    input_split_bytes: int = Field(
        16 * _MEBIBYTE, ge=1, description="The approximate size of an input split in bytes."
    )

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, data: Any) -> Any:
        if isinstance(data, dict) and "piece_bytes" in data:
            raise ValueError("`piece_bytes` was renamed; write `input_split_bytes`")
        return data

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if (self.source is None) == (self.sources is None):
            raise ValueError("give either `source`, or `sources` by name")
        if self.sources is not None and not self.sources:
            raise ValueError("`sources` must name at least one source")
        if self.card and self.as_prefix:
            raise ValueError("a card needs a directory; remove `card` or `as_prefix`")
        return self


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of recipe files, with every source, step, format and named recipe."""
    forms = [_full_recipe()]
    for name, model in _all(PRESETS):
        forms.append(_inlined(model))
        forms[-1]["properties"]["recipe"] = {"const": name}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": forms}


def _full_recipe() -> dict[str, Any]:
    schema = RecipeFile.model_json_schema()
    properties = schema["properties"]
    source = {"oneOf": [_with_kind(name, model) for name, model in _all(SOURCES)]}
    _set_type(properties["source"], source)
    _set_type(properties["sources"], {"type": "object", "additionalProperties": source})
    steps = list(_all(STEPS))
    step = {
        "anyOf": [
            {"enum": [name for name, _ in steps]},
            {
                "type": "object",
                "properties": {name: _or_null(_inlined(model)) for name, model in steps},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    }
    _set_type(properties["steps"], {"type": "array", "items": step})
    kinds = [_with_kind(name, model) for name, model in _all(FORMATS)]
    _set_type(properties["format"], {"anyOf": [{"enum": FORMATS.names()}, *kinds]})
    return schema


def _all(registry: Registry[Any]) -> Iterable[tuple[str, type[Options]]]:
    for name in registry.names():
        yield name, registry.get(name)


def _set_type(field: dict[str, Any], form: dict[str, Any]) -> None:
    """Replace the type of a field and keep its description."""
    for key in ("anyOf", "type", "items", "additionalProperties", "$ref"):
        field.pop(key, None)
    field.update(form)


def _with_kind(name: str, model: type[Options]) -> dict[str, Any]:
    schema = _inlined(model)
    schema["properties"] = {"kind": {"const": name}, **schema.get("properties", {})}
    schema["required"] = ["kind", *schema.get("required", [])]
    return schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return schema if schema.get("required") else {"anyOf": [schema, {"type": "null"}]}


def _inlined(model: type[Options]) -> dict[str, Any]:
    """Return the schema of a model with its definitions inlined."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    schema["description"] = (model.__doc__ or "").partition("\n")[0]
    inlined: dict[str, Any] = _resolve(schema, definitions)
    return inlined


def _resolve(value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _resolve(definitions[value["$ref"].rpartition("/")[2]], definitions)
    return {key: _resolve(item, definitions) for key, item in value.items()}
