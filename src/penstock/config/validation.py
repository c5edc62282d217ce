"""Validation of a document with a pydantic model, with errors that name the location."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from penstock.config.document import Document, KeyPath
from penstock.errors import ConfigError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)

#: What a value must be, by pydantic's error type.
_EXPECTED = {
    "string_type": "text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type"), "a mapping"),
}


def _check_file_name(name: str) -> str:
    if not re.fullmatch(r"[^/\\\0]+", name) or name in (".", ".."):
        raise ValueError("must be the name of a file or directory: no slash, not empty")
    return name


#: Text that is used as the name of a file or directory.
FileName = Annotated[str, AfterValidator(_check_file_name)]


class Options(BaseModel):
    """Base of the settings of a source, a step, a format, ...: immutable, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def validate(document: Document, model: type[Model]) -> Model:
    """Return the document as `model`; raises ConfigError for its first problem."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise config_error(error, document, model) from None


def config_error(
    error: ValidationError, document: Document, model: type[BaseModel], prefix: KeyPath = ()
) -> ConfigError:
    """Return the first problem of a pydantic error as a ConfigError with its location.

    `prefix` is the key path of the model's values in the document.
    """
    problems = [
        (prefix + _written_path(problem, document, prefix), problem)
        for problem in error.errors(include_url=False)
    ]
    # Unknown keys first: a misspelled key is often the reason that another one is missing.
    unknown = [found for found in problems if found[1]["type"] == "extra_forbidden"]
    if unknown:
        path = unknown[0][0]
        locations = [problem["loc"][:-1] for other, problem in unknown if other == path]
        known = dict.fromkeys(key for location in locations for key in _known_keys(model, location))
        hint = did_you_mean(str(path[-1]), known)
        if not hint and known:
            hint = f"; known keys: {', '.join(known)}"
        return document.error(f"unknown key{hint}", path)
    # Of the members of a union, the one that was parsed furthest is probably the intended one.
    first = problems[0][0]
    depth = len(prefix) + 1
    path = max((path for path, _ in problems if path[:depth] == first[:depth]), key=len)
    return document.error(_message([p for other, p in problems if other == path]), path)


def _message(problems: Sequence[ErrorDetails]) -> str:
    """Return the problem of one value; each member of a union has its own entry in `problems`."""
    first = problems[0]
    hint = ""
    match first["type"]:
        case "missing":
            return "required, but missing"
        case "value_error":
            return first["msg"].removeprefix("Value error, ")
        case "too_short" | "too_long":
            limits = first.get("ctx", {})
            least, most = limits.get("min_length"), limits.get("max_length")
            bound = f"at least {least}" if least is not None else f"at most {most}"
            return f"must have {bound} items, not {limits.get('actual_length')}"
        case "literal_error" | "enum":
            words = re.findall(r"'([^']*)'", first.get("ctx", {}).get("expected", ""))
            hint = did_you_mean(str(first["input"]), words)
    value = _shown(first["input"])
    expected = list(dict.fromkeys(text for problem in problems if (text := _expected(problem))))
    if not expected:
        return f"{first['msg'][:1].lower()}{first['msg'][1:]}, not {value}"
    *others, last = expected
    return f"must be {', '.join(others)}{' or ' if others else ''}{last}, not {value}{hint}"


def _expected(problem: ErrorDetails) -> str | None:
    if problem["type"] in _EXPECTED:
        return _EXPECTED[problem["type"]]
    prefix = "Input should be "
    return problem["msg"].removeprefix(prefix) if problem["msg"].startswith(prefix) else None


def _shown(value: Any) -> str:
    """Return a value as YAML writes it, shortened if long."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return repr(value if len(str(value)) <= 60 else f"{str(value)[:57]}...")


def _written_path(problem: ErrorDetails, document: Document, prefix: KeyPath) -> KeyPath:
    """Return the location of a problem below `prefix`, without names of union members in it."""
    value: Any = document.data
    for part in prefix:
        if isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            value = value.get(part) if isinstance(value, dict) else None
    path: list[str | int] = []
    for index, part in enumerate(problem["loc"]):
        missing = problem["type"] == "missing" and index == len(problem["loc"]) - 1
        if isinstance(value, dict) and (part in value or missing):
            value = value.get(part)
            path.append(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
            path.append(part)
    return tuple(path)


def _known_keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the keys of the models at a location of a pydantic error."""
    models = [model]
    for part in location:
        fields = [found.model_fields[str(part)] for found in models if part in found.model_fields]
        inner = [found for field in fields for found in _models_in(field.annotation)]
        # The part of a union member is its class name or the value of its discriminator.
        named = [found for found in models if part == found.__name__ or part in _literals(found)]
        models = inner or named or models
    return [name for found in models for name in found.model_fields]


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
