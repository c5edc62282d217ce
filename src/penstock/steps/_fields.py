"""Fields of a row as steps need them: as text, as comparable bytes, as hashes, in templates."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from hashlib import blake2b
from itertools import chain
from typing import Annotated, Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from penstock.batches import RowBatch, RowStats
from penstock.fields import MISSING, find, kind_of
from penstock.text import Normalise, normalised

Made = TypeVar("Made")

#: The fields of a pair, which `pairs` makes and other steps read.
SIDES = ("source", "target")
LABEL = "label"

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][-+]?[0-9]+)?")


def _once(names: list[str]) -> list[str]:
    if len(set(names)) < len(names) or "" in names:
        raise ValueError("must name each field once, and no empty name")
    return names


#: Names of row fields as a setting: at least one, none twice.
FieldNames = Annotated[list[str], Field(min_length=1), AfterValidator(_once)]


class UnusableError(Exception):
    """A row that a step cannot use: names the wrong field, never its content."""


def is_null(value: object) -> bool:
    """Return True for null and for NaN, which tables hold where a value is missing."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def problem_with(value: object, name: str) -> str | None:
    """Return why a field cannot be a key (absent, null, infinite), None if it can."""
    if value is MISSING:
        return f"the field '{name}' is absent"
    if is_null(value):
        return f"the field '{name}' is null"
    infinite = isinstance(value, float) and math.isinf(value)
    return f"the field '{name}' is infinite" if infinite else None


def field_of(row: dict[str, Any], name: str) -> Any:
    """Return a field with any content; raises UnusableError if it is absent."""
    value = find(row, name)
    if value is MISSING:
        raise UnusableError(f"the field '{name}' is absent")
    return value


def text_of(row: dict[str, Any], name: str) -> str:
    """Return a text field; raises UnusableError for anything else."""
    value = find(row, name)
    if isinstance(value, str):
        return value
    raise UnusableError(
        problem_with(value, name) or f"the field '{name}' is {kind_of(value)}, must be text"
    )


def value_as_text(row: dict[str, Any], name: str, step: str) -> str | None:
    """Return a field as the template of a step shows it; None if it is absent or null.

    Text is unchanged; numbers, true and false are written as in JSON, dates and times in ISO form.
    NaN is null. Raises UnusableError for a list or an object.
    """
    value = find(row, name)
    if isinstance(value, str):
        return value
    if value is MISSING or is_null(value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    raise UnusableError(
        f"the field '{name}' is {kind_of(value)}; the template of `{step}` takes text, numbers, "
        "true, false and dates"
    )


def map_rows(
    batch: RowBatch, stats: RowStats, function: Callable[[dict[str, Any]], Made], hint: str
) -> tuple[RowBatch, list[Made]]:
    """Return the rows that `function` accepts, and its result for each.

    Rows for which it raises UnusableError are bad rows; `hint` follows the reason.
    """
    made, kept = [], []
    for index, row in enumerate(batch.rows):
        try:
            made.append(function(row))
            kept.append(index)
        except UnusableError as error:
            stats.bad(batch.numbers[index], f"{error}; {hint}")
    return (batch if len(kept) == len(batch) else batch.take(kept)), made


def canonical(value: object) -> bytes:
    """Return bytes that are equal only for equal values; text and numbers never are.

    A float without a fraction equals the integer: tables turn integers into floats where values
    are missing. Raises TypeError for what JSON cannot hold.
    """
    if isinstance(value, str):
        return b"t" + value.encode("utf-8", "surrogatepass")
    plain = orjson.dumps(value)  # refuses too deep nesting before it is walked
    if isinstance(value, float | dict | list | tuple):
        plain = orjson.dumps(_with_integers(value), option=orjson.OPT_SORT_KEYS)
    return b"j" + plain


def number_of(value: object) -> object:
    """Return the number that a text holds in JSON form (`17`, `17.0`), else the value itself.

    `017` is not a number, nor are digits that do not fit 64 bits.
    """
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    number = float(found[0])
    if found["fraction"] or found["exponent"]:
        return number if math.isfinite(number) else value
    return int(found[0]) if len(found[0]) <= 20 and -(2.0**63) <= number < 2.0**63 else value


def _with_integers(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2.0**63 else value
    if isinstance(value, dict):
        return {name: _with_integers(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_with_integers, value))
    return value


def hashes(contents: Iterable[bytes], *, bits: int = 64) -> NDArray[np.uint64]:
    """Return the BLAKE2b hash of each content, as a row of `bits` / 64 words."""
    digests = [blake2b(content, digest_size=bits // 8).digest() for content in contents]
    return np.frombuffer(b"".join(digests), "<u8").reshape(len(digests), bits // 64)


def sentence_hashes(
    batch: RowBatch, stats: RowStats, fields: Sequence[str], normalise: Normalise, hint: str
) -> tuple[RowBatch, NDArray[np.uint64]]:
    """Return the rows whose `fields` are text, and (rows, fields) hashes of the normalised texts.

    Other rows are bad rows; `hint` follows the reason.
    """

    def sentences(row: dict[str, Any]) -> list[bytes]:
        return [encoded(normalised(text_of(row, name), normalise)) for name in fields]

    batch, found = map_rows(batch, stats, sentences, hint)
    return batch, hashes(chain.from_iterable(found)).reshape(len(batch), len(fields))


def encoded(text: str) -> bytes:
    """Return a text as UTF-8, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")
