"""YAML that errs aloud: YAML 1.2 scalars, no duplicate keys, errors with line and caret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from penstock.errors import ConfigError, did_you_mean
from penstock.redaction import MASK, is_secret_name, looks_secret

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]


class _Yaml12Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema.

    PyYAML follows YAML 1.1, where `1e-6` is a string, `no` is false and `012` is ten.
    """


_Yaml12Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+0123456789.",
    ),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("merge", r"^(?:<<)$", "<"),
):
    _Yaml12Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first)
    )


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    if text.startswith("0o"):
        return int(text[2:], 8)
    return int(text, 16) if text.startswith("0x") else int(text)


_Yaml12Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


@dataclass
class Document:
    """A parsed YAML text that still knows where each value stood."""

    data: dict[str, Any]
    file: Path | str
    text: str = ""
    places: dict[Place, tuple[int, int]] = field(default_factory=dict)

    def error(self, message: str, place: Sequence[str | int] = ()) -> ConfigError:
        """Return a ConfigError about the value at `place` (keys and indices from the top)."""
        found = tuple(place)
        while found and found not in self.places:
            found = found[:-1]
        line, column = self.places.get(found, (None, None))
        return ConfigError(
            message,
            file=self.file,
            line=line,
            column=column,
            field=".".join(str(part) for part in place) or None,
            source=self.text.splitlines()[line - 1] if line and self.text else None,
        )


def read_yaml(path: Path) -> Document:
    """Read a YAML mapping.

    Raises ConfigError, with line and caret, for what is not YAML, not UTF-8, not a mapping, has a
    key twice, or has a secret pasted in.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("there is no such file", file=path) from None
    except IsADirectoryError:
        raise ConfigError("is a directory; name the YAML file in it", file=path) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 (byte {error.start}); save it as UTF-8", file=path) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None
    return parse_yaml(text, path)


def parse_yaml(text: str, file: Path | str = "<text>") -> Document:
    """Parse a YAML mapping; raises as `read_yaml` does."""
    loader = _Yaml12Loader(text)
    try:
        node = loader.get_single_node()
        document = Document(data={}, file=file, text=text)
        if node is None:
            raise document.error("the file is empty; it must hold a mapping")
        _check_nodes(node, (), document)
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            " ".join(filter(None, [error.context, error.problem])) or "not YAML",
            file=file,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
            source=text.splitlines()[mark.line]
            if mark and mark.line < len(text.splitlines())
            else None,
        ) from None
    except yaml.reader.ReaderError as error:
        raise ConfigError(f"not YAML: {error.reason}", file=file) from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise document.error("must hold a mapping of keys to values")
    document.data = data
    _refuse_secrets(document)
    return document


def _check_nodes(node: yaml.Node, place: Place, document: Document) -> None:
    """Note where each value stands, and refuse a key that stands twice."""
    document.places.setdefault(place, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            inner = (*place, name)
            if name in seen and name != "<<":
                document.places[inner] = (key.start_mark.line + 1, key.start_mark.column + 1)
                raise document.error(
                    f"the key stands twice, first on line {seen[name]}; keep one", inner
                )
            seen[name] = key.start_mark.line + 1
            document.places[inner] = (key.start_mark.line + 1, key.start_mark.column + 1)
            _check_nodes(value, inner, document)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _check_nodes(item, (*place, index), document)


def _refuse_secrets(document: Document) -> None:
    for place, value in _scalars(document.data):
        name = next((str(part) for part in reversed(place) if isinstance(part, str)), "")
        if not isinstance(value, str) or value in ("", MASK):
            continue
        if is_secret_name(name) or looks_secret(value):
            variable = re.sub(r"\W+", "_", name).upper() if is_secret_name(name) else "HF_TOKEN"
            error = document.error(
                "a secret does not belong in a file; remove it and set the environment variable "
                f"{variable} instead",
                place,
            )
            # The caret's line would print the secret.
            raise ConfigError(
                error.message,
                file=error.file,
                line=error.line,
                column=error.column,
                field=error.field,
            )


def _scalars(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _scalars(item, (*place, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _scalars(item, (*place, index))
    else:
        yield place, value


def apply_overrides(document: Document, overrides: Sequence[str]) -> None:
    """Set `key.path=value` overrides in a document; values are read as YAML.

    Raises ConfigError for an override that has no `=`, that passes through a value that is not a
    mapping, or that holds a secret.
    """
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not path:
            raise ConfigError("an override has the form key.path=value", file=override)
        inner = parse_yaml(f"value: {text}" if text else "value: null", override)
        place = tuple(path.split("."))
        target = document.data
        for part in place[:-1]:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                raise ConfigError(f"'{part}' is not a mapping", file=override, field=path)
        target[place[-1]] = inner.data["value"]
        if is_secret_name(place[-1]) and isinstance(inner.data["value"], str):
            raise ConfigError(
                f"a secret does not belong on the command line; set {place[-1].upper()} instead",
                file=f"{path}={MASK}",
            )
        # From now on the value's place is the command line, not a line of the file.
        for known in [k for k in document.places if k[: len(place)] == place]:
            del document.places[known]


def validate(document: Document, model: type[Model]) -> Model:
    """Return the document as `model`; raises ConfigError for the first thing that does not fit."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise config_error(error, document, model) from None


def config_error(
    error: ValidationError, document: Document, model: type[BaseModel], prefix: Place = ()
) -> ConfigError:
    """Say the first problem of a pydantic error in penstock's words, with its place."""
    problems = error.errors(include_url=False)
    # An unknown key explains a missing one more often than the other way round.
    problem = min(problems, key=lambda p: p["type"] != "extra_forbidden")
    place = prefix + _written_place(problem["loc"], document, prefix)
    match problem["type"]:
        case "extra_forbidden":
            known = _known_keys(model, problem["loc"][:-1])
            message = "unknown key" + (did_you_mean(str(place[-1]), known) or _one_of(known))
        case "missing":
            message = "required, and not given"
        case "value_error":
            message = problem["msg"].removeprefix("Value error, ")
        case _:
            message = f"{problem['msg'][:1].lower()}{problem['msg'][1:]}, not {problem['input']!r}"
    return document.error(message, place)


def _one_of(known: Sequence[str]) -> str:
    return f"; known here: {', '.join(known)}" if known else ""


def _written_place(location: tuple[str | int, ...], document: Document, prefix: Place) -> Place:
    """Drop the names of union members, which pydantic puts into a location, from it."""
    value: Any = document.data
    for part in prefix:
        value = value[part] if isinstance(value, dict) else None
    place: list[str | int] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(value, dict) and isinstance(part, str) and (part in value or last):
            value = value.get(part)
            place.append(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
            place.append(part)
    return tuple(place)


def _known_keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    for part in location:
        if not isinstance(part, str) or part not in model.model_fields:
            continue
        for candidate in _models_in(model.model_fields[part].annotation):
            model = candidate
            break
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


class _Yaml12Dumper(yaml.SafeDumper):
    """SafeDumper whose floats every YAML reader reads as floats."""


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    # YAML 1.1 readers need the point: 1e-06 would be a string to them, 1.0e-06 is a number.
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    special = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}
    return dumper.represent_scalar("tag:yaml.org,2002:float", special.get(text, text))


_Yaml12Dumper.add_representer(float, _represent_float)


def dump_yaml(data: Mapping[str, Any]) -> str:
    """Return a mapping as YAML, keys in their own order."""
    text: str = yaml.dump(
        dict(data), Dumper=_Yaml12Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def short_number(value: float | int) -> str:
    """Return a number as people write it in names: `1e-6`, `0.05`, `16`."""
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e6):
        return str(int(value))
    text = f"{value:.12g}"
    if "e" not in text and abs(value) < 0.01:
        mantissa, exponent = f"{value:.12e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa
