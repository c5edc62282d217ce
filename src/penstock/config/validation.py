"""A document as a pydantic model, and what does not fit in words, at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from penstock.config.document import Document, KeyPath
from penstock.errors import ConfigError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)

#: What a value must be, by the kind of pydantic's error.
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def validate(document: Document, model: type[Model]) -> Model:
    """Return the document as `model`; raises ConfigError for the first thing that does not fit."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise config_error(error, document, model) from None


def config_error(
    error: ValidationError, document: Document, model: type[BaseModel], prefix: KeyPath = ()
) -> ConfigError:
    """Say the first problem of a pydantic error in penstock's words, with its place.

    `prefix` is where the model's own values stand in the document.
    """
    problems = [
        (prefix + _written_place(problem, document, prefix), problem)
        for problem in error.errors(include_url=False)
    ]
    # An unknown key explains a missing one more often than the other way round.
    unknown = [found for found in problems if found[1]["type"] == "extra_forbidden"]
    if unknown:
        place = unknown[0][0]
        known = _known_keys(model, [p["loc"][:-1] for where, p in unknown if where == place])
        hint = did_you_mean(str(place[-1]), known) or _one_of(known)
        return document.error(f"unknown key{hint}", place)
    # Of the members of a union, the one that came furthest is the one that was meant.
    first = problems[0][0]
    place = max(
        (p for p, _ in problems if p[: len(prefix) + 1] == first[: len(prefix) + 1]), key=len
    )
    return document.error(_message([p for where, p in problems if where == place]), place)


def _message(problems: Sequence[ErrorDetails]) -> str:
    """Say what is wrong with one value; each member of a union has a problem of its own."""
    first = problems[0]
    match first["type"]:
        case "missing":
            return "required, and not given"
        case "value_error":
            return first["msg"].removeprefix("Value error, ")
        case "too_short" | "too_long":
            limits = first.get("ctx", {})
            least, most = limits.get("min_length"), limits.get("max_length")
            bound = f"at least {least}" if least is not None else f"at most {most}"
            return f"must have {bound}, and has {limits.get('actual_length')}"
        case "literal_error" | "enum":
            words = re.findall(r"'([^']*)'", first.get("ctx", {}).get("expected", ""))
            hint = did_you_mean(str(first["input"]), words)
        case _:
            hint = ""
    wanted = list(dict.fromkeys(w for problem in problems if (w := _wanted(problem))))
    if not wanted:
        return f"{first['msg'][:1].lower()}{first['msg'][1:]}, not {_shown(first['input'])}"
    *others, last = wanted
    must = f"{', '.join(others)} or {last}" if others else last
    return f"must be {must}, not {_shown(first['input'])}{hint}"


def _wanted(problem: ErrorDetails) -> str | None:
    if problem["type"] in _WANTED:
        return _WANTED[problem["type"]]
    prefix = "Input should be "
    return problem["msg"].removeprefix(prefix) if problem["msg"].startswith(prefix) else None


def _shown(value: Any) -> str:
    """Return a value as YAML writes it, a long one by its kind."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value if len(str(value)) <= 60 else f"{str(value)[:57]}...")


def _one_of(known: Sequence[str]) -> str:
    return f"; known here: {', '.join(known)}" if known else ""


def _written_place(problem: ErrorDetails, document: Document, prefix: KeyPath) -> KeyPath:
    """Return the location of a problem without the names of union members in it."""
    value: Any = document.data
    for part in prefix:
        value = _inner(value, part)
    place: list[str | int] = []
    for index, part in enumerate(problem["loc"]):
        absent = problem["type"] == "missing" and index == len(problem["loc"]) - 1
        if isinstance(value, dict) and (part in value or absent):
            value = value.get(part)
            place.append(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
            place.append(part)
    return tuple(place)


def _inner(value: Any, part: str | int) -> Any:
    if isinstance(value, list) and isinstance(part, int):
        return value[part]
    return value.get(part) if isinstance(value, dict) else None


def _known_keys(model: type[BaseModel], locations: Sequence[Sequence[str | int]]) -> list[str]:
    """Return the keys of the models at some locations, each once."""
    models = [found for location in locations for found in _models_at(model, location)]
    return list(dict.fromkeys(name for found in models for name in found.model_fields))


def _models_at(model: type[BaseModel], location: Sequence[str | int]) -> list[type[BaseModel]]:
    """Return the models whose values may stand at a location of a pydantic error."""
    here = [model]
    for part in location:
        fields = [found.model_fields[str(part)] for found in here if part in found.model_fields]
        inner = [found for field in fields for found in _models_in(field.annotation)]
        # A member of a union goes by the name of its class or by the value that tells it apart.
        named = [found for found in here if part == found.__name__ or part in _literals(found)]
        here = inner or named or here
    return here


def _literals(model: type[BaseModel]) -> set[Any]:
    annotations = [field.annotation for field in model.model_fields.values()]
    return {
        value for kind in annotations if get_origin(kind) is Literal for value in get_args(kind)
    }


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
