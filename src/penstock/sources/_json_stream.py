"""A JSON document among the input, compressed or not, read input_split by input_split."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

from penstock.errors import DataError, did_you_mean
from penstock.fields import MISSING, called
from penstock.json_items import CheckedJson, FaultyJsonError, json_items, json_parser
from penstock.sources._files import AGAIN, open_unpacked, reading
from penstock.sources._surrogates import MEND

#: What to do about some faults of a document.
_MENDS = {"breaks-off": AGAIN, "surrogate": MEND}


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
        count = 0
        name = place.removesuffix("item").removesuffix(".")
        with reading(self.path), open_unpacked(self.path) as stream:
            checked = CheckedJson(stream, name.split(".")[-1], replace=self.replace_surrogates)
            try:
                for value in json_items(checked, place):
                    yield value
                    count += 1
            except FaultyJsonError as error:
                after = f" after {name}[{count - 1}]" if count else ""
                mend = f"; {_MENDS[error.fault]}" if error.fault in _MENDS else ""
                raise DataError(f"{error.reason}{after}{mend}", file=self.path) from None
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
            for place, event, value in json_parser().parse(stream, use_float=True):
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
            events = json_parser().parse(stream, use_float=True)
            found = [1 for event in events if event == (above, "map_key", last)]
        if len(found) > 1:
            what = f"the key {called(last)} stands twice in one object"
            raise DataError(what, file=self.path)
