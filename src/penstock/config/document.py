"""Reading YAML 1.2 into a mapping that knows the line and column of each value.

PyYAML follows YAML 1.1, where `1e-6` is a string, `no` is false and `012` is ten.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from penstock.errors import ConfigError, did_you_mean_path
from penstock.redaction import holds_secret, looks_secret, redact_text, secret_variable

#: Keys and indices from the top of a document to a value.
KeyPath = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
#: The tags of plain scalars in YAML 1.2: pattern and possible first characters.
_SCALARS = {
    "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "int": (r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    "float": (
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+0123456789."),
    ),
    "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "merge": (r"^(?:<<)$", ["<"]),
}


class Mark(NamedTuple):
    """Where a value is written: line and column from 1, and the name and text of the source."""

    line: int | None
    column: int | None
    file: Path | str
    text: str


@dataclass
class Document:
    """A parsed YAML mapping with the mark of each value.

    `origins` maps key paths in `data` to those in the file, for data that was generated from the
    file's settings.
    """

    data: dict[str, Any]
    file: Path | str
    text: str = ""
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    origins: dict[KeyPath, KeyPath] = field(default_factory=dict)

    def error(self, message: str, key_path: Sequence[str | int] = ()) -> ConfigError:
        """Return a ConfigError about the value at a key path, or about its nearest parent."""
        written = self.written_path(tuple(key_path))
        known = written
        while known and known not in self.marks:
            known = known[:-1]
        mark = self.marks.get(known, Mark(None, None, self.file, self.text))
        return error_at(mark, message, written)

    def written_path(self, key_path: KeyPath) -> KeyPath:
        """Return the key path under which a value was written."""
        for length in range(len(key_path), 0, -1):
            if key_path[:length] in self.origins:
                return (*self.origins[key_path[:length]], *key_path[length:])
        return key_path


def error_at(mark: Mark, message: str, key_path: Sequence[str | int] = ()) -> ConfigError:
    """Return a ConfigError with the marked line, unless the line holds a secret."""
    lines = mark.text.splitlines()[mark.line - 1 : mark.line] if mark.line else []
    return ConfigError(
        message,
        file=mark.file,
        line=mark.line,
        column=mark.column,
        field=".".join(map(str, key_path)) or None,
        source=lines[0] if lines and redact_text(lines[0]) == lines[0] else None,
    )


def secret_error(mark: Mark, name: str, value: Any, key_path: KeyPath, fix: str) -> ConfigError:
    """Return a ConfigError about a secret, which shows neither the secret nor its line."""
    variable = secret_variable(name, value)
    message = (
        f"a secret does not belong here; {fix} and set the environment variable {variable} instead"
    )
    return error_at(mark._replace(text=""), message, key_path)


def read_yaml(path: Path) -> Document:
    """Read a YAML mapping.

    Raises ConfigError, with line and caret, if the file is not UTF-8, not YAML or not a mapping,
    has a duplicate key, or contains a secret.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = did_you_mean_path(path)
        raise ConfigError(f"there is no such file{hint}", file=path) from None
    except IsADirectoryError:
        raise ConfigError("is a directory; name the YAML file in it", file=path) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 (byte {error.start}); save it as UTF-8", file=path) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None
    return parse_yaml(text, path)


def parse_yaml(text: str, file: Path | str = "<text>") -> Document:
    """Parse a YAML mapping; raises as `read_yaml` does."""
    document = Document(data={}, file=file, text=text)
    data = load(document)
    if data is None and not document.marks:
        raise document.error("the file is empty; it must contain a mapping")
    if not isinstance(data, dict):
        raise document.error("must be a mapping of keys to values")
    document.data = data
    return document


def load(document: Document, key_path: KeyPath = (), fix: str = "remove it from the file") -> Any:
    """Return the value of a document's text, and add the marks of all values to the document.

    `key_path` is where the value belongs; `fix` is what the error about a secret advises. Raises
    ConfigError as `read_yaml` does.
    """
    try:
        loader = Yaml12Loader(document.text)
        node = loader.get_single_node()
        if node is None:
            return None
        _NodeReader(document, fix).read(node, key_path)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        problem = " ".join(filter(None, [error.context, error.problem])) or "not YAML"
        mark = _mark(error.problem_mark or error.context_mark, document)
        raise error_at(mark, redact_text(problem), key_path) from None
    except yaml.reader.ReaderError as error:
        line = document.text.count("\n", 0, error.position) + 1
        column = error.position - document.text.rfind("\n", 0, error.position)
        message = f"not YAML: character #x{ord(document.text[error.position]):04x} is not allowed"
        raise error_at(Mark(line, column, document.file, ""), message, key_path) from None
    except RecursionError:
        raise document.error("is nested too deeply", key_path) from None


def _mark(mark: yaml.Mark | None, document: Document) -> Mark:
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    return Mark(line, column, document.file, document.text)


class _NodeReader:
    """Visits the nodes of a document once: adds their marks, refuses duplicate keys and secrets."""

    def __init__(self, document: Document, fix: str) -> None:
        self._document = document
        self._fix = fix
        self._ancestors: set[int] = set()
        self._visited: set[int] = set()

    def read(self, node: yaml.Node, key_path: KeyPath) -> None:
        self._document.marks.setdefault(key_path, _mark(node.start_mark, self._document))
        if isinstance(node, yaml.ScalarNode):
            name = next((part for part in reversed(key_path) if isinstance(part, str)), "")
            if node.tag not in (f"{_TAG}bool", f"{_TAG}null") and holds_secret(name, node.value):
                mark = self._document.marks[key_path]
                raise secret_error(mark, name, node.value, key_path, self._fix)
            return
        if id(node) in self._ancestors:
            raise self._document.error("refers to itself", key_path)
        if id(node) in self._visited:
            return  # an alias: its values have the marks of the anchor
        self._visited.add(id(node))
        self._ancestors.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._read_mapping(node, key_path)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.read(item, (*key_path, index))
        self._ancestors.remove(id(node))

    def _read_mapping(self, node: yaml.MappingNode, key_path: KeyPath) -> None:
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            mark = _mark(key.start_mark, self._document)
            if looks_secret(name):
                raise secret_error(mark, "", name, key_path, self._fix)
            self._document.marks[(*key_path, name)] = mark
            if name in first_lines and key.tag != f"{_TAG}merge":
                message = f"duplicate key, first on line {first_lines[name]}; keep one"
                raise self._document.error(message, (*key_path, name))
            first_lines[name] = key.start_mark.line + 1
            self.read(value, (*key_path, name))


class Yaml12Loader(yaml.SafeLoader):
    """SafeLoader that reads plain scalars as YAML 1.2 does."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return the value of a node; one that does not fit its tag is a MarkedYAMLError."""
        try:
            return super().construct_object(node, deep)
        except ValueError:
            problem = f"the value cannot be read as {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(
                problem=problem, problem_mark=node.start_mark
            ) from None


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    if text.startswith("0o"):
        return int(text[2:], 8)
    return int(text, 16) if text.startswith("0x") else int(text)


for _kind, (_pattern, _first) in _SCALARS.items():
    Yaml12Loader.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), _first)
Yaml12Loader.add_constructor(f"{_TAG}int", _construct_int)


def plain_tag(text: str) -> str:
    """Return the YAML 1.2 tag of a scalar without quotes."""
    resolver: Any = Yaml12Loader("")
    return str(resolver.resolve(yaml.ScalarNode, text, (True, False)))


def plain_value(text: str) -> Any:
    """Return the YAML 1.2 value of a scalar without quotes."""
    return Yaml12Loader("").construct_object(yaml.ScalarNode(plain_tag(text), text))
