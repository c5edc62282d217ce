"""The JSON Schema of recipe files, so that editors complete and check them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.config import Options
from penstock.formats import FORMATS
from penstock.recipes.presets import PRESETS
from penstock.recipes.schema import RecipeFile
from penstock.registry import Registry
from penstock.sources import SOURCES
from penstock.steps import STEPS


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of recipe files, with every source, step, format and named recipe."""
    forms = [_whole_recipe(), *(_named_recipe(name, model) for name, model in _all(PRESETS))]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": forms}


def _named_recipe(name: str, model: type[Options]) -> dict[str, Any]:
    schema = _inlined(model)
    schema["properties"]["recipe"] = {"const": name}
    return schema


def _whole_recipe() -> dict[str, Any]:
    schema = RecipeFile.model_json_schema()
    properties = schema["properties"]
    source = {"oneOf": [_with_kind(name, model) for name, model in _all(SOURCES)]}
    _describe(properties["source"], source)
    _describe(properties["sources"], {"type": "object", "additionalProperties": source})
    steps = [(name, model) for name, model in _all(STEPS)]
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
    _describe(properties["steps"], {"type": "array", "items": step})
    kinds = [_with_kind(name, model) for name, model in _all(FORMATS)]
    _describe(properties["format"], {"anyOf": [{"enum": FORMATS.names()}, *kinds]})
    return schema


def _all(registry: Registry[Any]) -> Iterable[tuple[str, type[Options]]]:
    for name in registry.names():
        yield name, registry.get(name)


def _describe(field: dict[str, Any], form: dict[str, Any]) -> None:
    """Put `form` in the place of what a field says of its type; its words stay."""
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
    """Return the schema of a model with its definitions in their places."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    schema["description"] = (model.__doc__ or "").partition("\n")[0]
    inlined: dict[str, Any] = _put_in(schema, definitions)
    return inlined


def _put_in(value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_put_in(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _put_in(definitions[value["$ref"].rpartition("/")[2]], definitions)
    return {key: _put_in(item, definitions) for key, item in value.items()}
