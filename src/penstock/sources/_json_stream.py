"""A JSON document read piece by piece, with ijson, so that its size does not matter."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from typing import IO, Any

from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.fields import MISSING, called
from penstock.sources._files import AGAIN, open_unpacked, reading
from penstock.sources._surrogates import MEND, replace_lone

_CHUNK = 1 << 16
#: No escape of a character, of two surrogates at the most, is longer.
_LONGEST_ESCAPE = 12


class JsonStream:
    """The values of a JSON document by their place, which is written as ijson does.

    `path` is a file, compressed or not, or a URL. A lone surrogate becomes U+FFFD if they are to be
    replaced, and is a DataError if not.
    """

    def __init__(self, path: str, *, replace_surrogates: bool = False) -> None:
        self.path = path
        self.replace_surrogates = replace_surrogates
        #: How many lone surrogates the last pass replaced.
        self.replaced = 0

    def items(self, place: str) -> Generator[Any]:
        """Yield every value at a place; that of the elements of a list ends in `item`.

        Raises DataError, with the number of the last element, for what is not JSON; behind the last
        one, for a list that stands twice, of which the parser gives the elements of both.
        """
        from ijson.common import JSONError

        count = 0
        name = place.removesuffix("item").removesuffix(".")
        with reading(self.path), open_unpacked(self.path) as stream:
            checked = _Checked(stream, name.split(".")[-1], replace=self.replace_surrogates)
            repeated: list[str] = []
            options = {"use_float": True, "buf_size": _CHUNK, "map_type": _objects(repeated)}
            try:
                for value in _ijson().items(checked, place, **options):
                    if repeated:
                        what = f"the key {called(repeated[0])} stands twice in one object"
                        raise DataError(f"{what}{_after(name, count)}", file=self.path)
                    yield value
                    count += 1
            except JSONError as error:
                raise self._not_json(error, name, count) from None
            except _LoneSurrogateError:
                what = f"a lone surrogate (half of a character){_after(name, count)}; {MEND}"
                raise DataError(what, file=self.path) from None
            except UnicodeError:
                raise DataError(f"not UTF-8{_after(name, count)}", file=self.path) from None
            self.replaced = checked.replaced
        if name and name != place and checked.seen > 1:  # it may be a key or a text elsewhere
            self._refuse_repeated(name)

    def first(self, place: str) -> Any:
        """Return the first value at a place, MISSING where there is none."""
        with closing(self.items(place)) as values:
            return next(values, MISSING)

    def refuse_without(self, name: str) -> None:
        """Raise DataError unless the document has the list `name` (dotted; empty: is a list)."""
        keys: list[str] = []
        with reading(self.path), open_unpacked(self.path) as stream:
            for place, event, value in _ijson().parse(stream, use_float=True):
                if place == name and event == "start_array":
                    return
                if place == "" and event == "map_key":
                    keys.append(value)
        if not name:
            raise DataError("is no list; `records` must begin with the name of one", file=self.path)
        if name in keys:
            raise DataError(f"'{name}' is no list; see `records`", file=self.path)
        hint = did_you_mean(name, keys)
        raise DataError(f"has no list '{name}'{hint}; see `records`", file=self.path)

    def _refuse_repeated(self, name: str) -> None:
        """Raise DataError if the list `name` (dotted), or what it lies in, stands twice."""
        above, _, last = name.rpartition(".")
        if above:
            self._refuse_repeated(above)
        with reading(self.path), open_unpacked(self.path) as stream:
            events = _ijson().parse(stream, use_float=True)
            found = [1 for event in events if event == (above, "map_key", last)]
        if len(found) > 1:
            what = f"the key {called(last)} stands twice in one object"
            raise DataError(what, file=self.path)

    def _not_json(self, error: Exception, name: str, count: int) -> DataError:
        # What the parser says shows the text around the place: only its kind is taken.
        kind = str(error)[:80]
        if "premature EOF" in kind:
            what = "breaks off"
        elif "invalid bytes in UTF8" in kind:
            what = "not UTF-8"
        elif "overflow" in kind:
            what = "a number of more than 64 bits; write it as text"
        else:
            what = "not JSON"
        mend = f"; {AGAIN}" if what == "breaks off" else ""
        return DataError(f"{what}{_after(name, count)}{mend}", file=self.path)


def _after(name: str, count: int) -> str:
    return f" after {name}[{count - 1}]" if count else ""


def _ijson() -> Any:
    """Return ijson with its parser in C; the others are many times slower."""
    import ijson

    try:
        return ijson.get_backend("yajl2_c")
    except ImportError:
        raise ConfigError(
            "this installation of ijson lacks its parser yajl2_c; install a wheel of ijson, or "
            "build it with a C compiler: pip install --force-reinstall ijson"
        ) from None


class _Checked:
    """A file of JSON in which lone surrogates are seen; the parser changes them in silence.

    `seen` says how often the text `name` stands in it, as a key or a value.
    """

    def __init__(self, stream: IO[bytes], name: str, *, replace: bool) -> None:
        self._stream = stream
        self._replace = replace
        self.replaced = 0
        self.seen = 0
        written = {json.dumps(name, ensure_ascii=ascii_).encode() for ascii_ in (True, False)}
        # Each way to write the name, and the end of the last chunk, in which one may begin.
        self._ends = dict.fromkeys(written, b"")

    def read(self, size: int = -1) -> bytes:
        """Return about `size` bytes, none at the end; no escape goes on behind them."""
        chunk = self._stream.read(size)
        while b"\\" in chunk[-_LONGEST_ESCAPE:] and (more := self._stream.read(_LONGEST_ESCAPE)):
            chunk += more
        chunk, count = replace_lone(chunk)
        if count and not self._replace:
            raise _LoneSurrogateError
        self.replaced += count
        for name, end in self._ends.items():
            looked_at = end + chunk
            self.seen += looked_at.count(name)
            self._ends[name] = looked_at[1 - len(name) :]
        return chunk


def _objects(repeated: list[str]) -> type[dict[str, Any]]:
    """Return the class of objects that note the keys that they have twice.

    They raise nothing: the parser would not see it.
    """

    class Object(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            if key in self:
                repeated.append(key)
            super().__setitem__(key, value)

        def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
            return dict, (dict(self),)  # to other processes it goes as what it is

    return Object


class _LoneSurrogateError(Exception):
    """Half of a character, escaped in JSON."""
