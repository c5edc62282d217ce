"""Values as text that reads back as the same values."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import yaml

from penstock.config._yaml12 import Yaml12Dumper

#: More than this is no name or path, but a text such as a chat template.
_LONG_TEXT = 120
_HASH = re.compile(r"sha256:[0-9a-f]{64}").fullmatch
#: So many digits of a hash are shown.
_DIGITS = 12


def dump_yaml(data: Mapping[str, Any]) -> str:
    """Return a mapping as YAML, keys in their own order.

    `parse_yaml` and readers of YAML 1.1 such as PyYAML read the same values from it.
    """
    text: str = yaml.dump(
        dict(data), Dumper=Yaml12Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def short_number(value: float | int) -> str:
    """Return a number as people write it in names: `1e-6`, `0.05`, `16`.

    Different numbers have different texts, and `float` reads the number back.
    """
    if isinstance(value, int):
        return str(int(value))
    if not math.isfinite(value):
        return str(value)
    if 0.01 <= abs(value) < 1e6 or value == 0:
        return repr(value).removesuffix(".0")
    # The shortest digits that tell the number from its neighbours, as in `repr`.
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    mantissa = f"{digits[0]}.{''.join(map(str, digits[1:]))}".removesuffix(".")
    return f"{'-' if sign else ''}{mantissa}e{Decimal(repr(value)).adjusted()}"


def short_value(value: Any) -> str:
    """Return a value as tables show it: a number short, None as `-`, anything else as it is.

    Of a long text of several words the beginning is shown, and a checksum that tells it apart; of
    a hash the first digits.
    """
    if isinstance(value, str) and _HASH(value):
        return value[: len("sha256:") + _DIGITS]
    if isinstance(value, str) and len(value) > _LONG_TEXT and any(map(str.isspace, value)):
        return f"{' '.join(value.split())[:24]}… ({zlib.crc32(value.encode()):08x})"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    return short_number(value)
