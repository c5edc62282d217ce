"""A YAML mapping that still knows where each of its values stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from penstock.config._yaml12 import Yaml12Loader
from penstock.errors import ConfigError, did_you_mean_path
from penstock.redaction import holds_secret, looks_secret, redact_text, secret_variable

#: Keys and indices from the top to a value.
KeyPath = tuple[str | int, ...]


class Mark(NamedTuple):
    """Where a value was written: line and column from 1, and the name and text of what has it."""

    line: int | None
    column: int | None
    file: Path | str
    text: str


@dataclass
class Document:
    """A parsed YAML text that still knows where each value stood.

    `origins` are the marks of what stands in `data` and was written as something else.
    """

    data: dict[str, Any]
    file: Path | str
    text: str = ""
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    origins: dict[KeyPath, KeyPath] = field(default_factory=dict)

    def error(self, message: str, place: Sequence[str | int] = ()) -> ConfigError:
        """Return a ConfigError about the value at `place` (keys and indices from the top)."""
        place = self._written(tuple(place))
        known = place
        while known and known not in self.marks:
            known = known[:-1]
        mark = self.marks.get(known, Mark(None, None, self.file, self.text))
        return error_at(mark, message, place)

    def _written(self, place: KeyPath) -> KeyPath:
        """Return the place at which what stands at `place` was written."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.origins:
                return (*self.origins[place[:length]], *place[length:])
        return place


def error_at(mark: Mark, message: str, place: Sequence[str | int] = ()) -> ConfigError:
    """Return a ConfigError with the line of its mark, unless the line holds a secret."""
    source = mark.text.splitlines()[mark.line - 1 : mark.line] if mark.line else []
    shown = source[0] if source and redact_text(source[0]) == source[0] else None
    dotted = ".".join(str(part) for part in place) or None
    return ConfigError(
        message, file=mark.file, line=mark.line, column=mark.column, field=dotted, source=shown
    )


def secret_error(mark: Mark, name: str, value: Any, place: KeyPath, mend: str) -> ConfigError:
    """Return a ConfigError about a secret, without it or its line; `mend` says what to do."""
    variable = secret_variable(name, value)
    message = (
        f"a secret does not belong here; {mend} and set the environment variable {variable} instead"
    )
    return error_at(mark._replace(text=""), message, place)


def read_yaml(path: Path) -> Document:
    """Read a YAML mapping.

    Raises ConfigError, with line and caret, for what is not YAML, not UTF-8, not a mapping, has a
    key twice, or has a secret pasted in.
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
        raise document.error("the file is empty; it must hold a mapping")
    if not isinstance(data, dict):
        raise document.error("must hold a mapping of keys to values")
    document.data = data
    return document


def load(document: Document, place: KeyPath = (), mend: str = "remove it from the file") -> Any:
    """Return what the text of a document holds, and note in it where each value stands.

    `place` is where the whole text belongs; `mend` says what to do about a secret. Raises
    ConfigError for what is not YAML, has a key twice, refers to itself, or holds a secret.
    """
    try:
        loader = Yaml12Loader(document.text)
        node = loader.get_single_node()
        if node is None:
            return None
        _Reader(document, mend).read(node, place)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        problem = " ".join(filter(None, [error.context, error.problem])) or "not YAML"
        mark = _mark(error.problem_mark or error.context_mark, document)
        raise error_at(mark, redact_text(problem), place) from None
    except yaml.reader.ReaderError as error:
        line = document.text.count("\n", 0, error.position) + 1
        column = error.position - document.text.rfind("\n", 0, error.position)
        message = f"not YAML: character #x{ord(document.text[error.position]):04x} is not allowed"
        mark = Mark(line, column, document.file, "")
        raise error_at(mark, message, place) from None
    except RecursionError:
        raise document.error("is nested too deeply", place) from None


def _mark(mark: yaml.Mark | None, document: Document) -> Mark:
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    return Mark(line, column, document.file, document.text)


class _Reader:
    """Goes through the nodes of a document once: notes marks, refuses what must not be."""

    def __init__(self, document: Document, mend: str) -> None:
        self.document = document
        self.mend = mend
        self.above: set[int] = set()
        self.read_before: set[int] = set()

    def read(self, node: yaml.Node, place: KeyPath) -> None:
        """Note `node`, which stands at `place`, and what is in it."""
        self.document.marks.setdefault(place, _mark(node.start_mark, self.document))
        if isinstance(node, yaml.ScalarNode):
            self._refuse_secret(node, place)
            return
        if id(node) in self.above:
            raise self.document.error("refers to itself", place)
        if id(node) in self.read_before:
            return  # an alias: its values stand where they were written
        self.read_before.add(id(node))
        self.above.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._read_mapping(node, place)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.read(item, (*place, index))
        self.above.remove(id(node))

    def _read_mapping(self, node: yaml.MappingNode, place: KeyPath) -> None:
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            mark = _mark(key.start_mark, self.document)
            if looks_secret(name):
                raise secret_error(mark, "", name, place, self.mend)
            self.document.marks[(*place, name)] = mark
            if name in first_lines and key.tag != "tag:yaml.org,2002:merge":
                first = first_lines[name]
                message = f"the key stands twice, first on line {first}; keep one"
                raise self.document.error(message, (*place, name))
            first_lines[name] = key.start_mark.line + 1
            self.read(value, (*place, name))

    def _refuse_secret(self, node: yaml.ScalarNode, place: KeyPath) -> None:
        name = next((str(part) for part in reversed(place) if isinstance(part, str)), "")
        if node.tag in _NO_SECRETS or not holds_secret(name, node.value):
            return
        raise secret_error(self.document.marks[place], name, node.value, place, self.mend)


_NO_SECRETS = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "null")}
