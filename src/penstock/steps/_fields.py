"""Fields of a row that steps need: as keys, as texts; why one cannot be used."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, Field

from penstock.batches import RowBatch, RowStats
from penstock.fields import MISSING, find, kind_of

Made = TypeVar("Made")

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][-+]?[0-9]+)?")


def _once(names: list[str]) -> list[str]:
    if len(set(names)) < len(names) or "" in names:
        raise ValueError("must name each field once, and none without a name")
    return names


#: Fields of a row, as a setting: one or more, none twice.
FieldNames = Annotated[list[str], Field(min_length=1), AfterValidator(_once)]


class UnusableError(Exception):
    """A row that a step cannot use: says which field is wrong, never what it holds."""


def is_null(value: object) -> bool:
    """Say whether a field has no value: null, or NaN, which tables write where they have none."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def problem_with(value: object, name: str) -> str | None:
    """Say why a field cannot be used as a key: absent, null or infinite. None when it can."""
    if value is MISSING:
        return f"the field '{name}' is absent"
    if is_null(value):
        return f"the field '{name}' is null"
    infinite = isinstance(value, float) and math.isinf(value)
    return f"the field '{name}' is infinite" if infinite else None


def field_of(row: dict[str, Any], name: str) -> Any:
    """Return a field, whatever it holds; raises UnusableError where it is absent."""
    value = find(row, name)
    if value is MISSING:
        raise UnusableError(f"the field '{name}' is absent")
    return value


def text_of(row: dict[str, Any], name: str) -> str:
    """Return a field that is text; raises UnusableError."""
    value = find(row, name)
    if isinstance(value, str):
        return value
    raise UnusableError(
        problem_with(value, name) or f"the field '{name}' is {kind_of(value)}, must be text"
    )


def made_of_rows(
    batch: RowBatch, stats: RowStats, make: Callable[[dict[str, Any]], Made], mend: str
) -> tuple[RowBatch, list[Made]]:
    """Return the rows that `make` takes and what it makes of each.

    The others, of which it raises UnusableError, are bad rows; `mend` follows what is wrong.
    """
    made, kept = [], []
    for index, row in enumerate(batch.rows):
        try:
            made.append(make(row))
            kept.append(index)
        except UnusableError as error:
            stats.bad(batch.numbers[index], f"{error}; {mend}")
    return (batch if len(kept) == len(batch) else batch.take(kept)), made


def canonical(value: object) -> bytes:
    """Return bytes that are equal for equal values alone: text and numbers never meet.

    A whole float is the integer: tables turn one into the other where values are missing. Raises
    TypeError for what JSON cannot hold.
    """
    if isinstance(value, str):
        return b"t" + value.encode("utf-8", "surrogatepass")
    plain = orjson.dumps(value)  # refuses what is nested too deeply, before it is walked
    if isinstance(value, float | dict | list | tuple):
        plain = orjson.dumps(_with_integers(value), option=orjson.OPT_SORT_KEYS)
    return b"j" + plain


def number_of(value: object) -> object:
    """Return the number that a text writes as JSON does (`17`, `17.0`); any other value as it is.

    `017` writes none, nor do digits that no number of 64 bits holds.
    """
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    number = float(found[0])
    if found["fraction"] or found["exponent"]:
        return number if math.isfinite(number) else value
    return int(found[0]) if len(found[0]) <= 20 and -(2.0**63) <= number < 2.0**63 else value


def _with_integers(value: Any) -> Any:
    """Return a value with integers in place of whole floats, in all that it holds."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2.0**63 else value
    if isinstance(value, dict):
        return {name: _with_integers(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_with_integers, value))
    return value
