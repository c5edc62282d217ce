"""Writing values as text: YAML, and short forms for names and tables."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import yaml

from penstock.config.document import plain_tag

_UNUSUAL_LINE_END = re.compile("[\r\x85\u2028\u2029]")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}").fullmatch
#: How many digits of a hash are shown.
_HASH_DIGITS = 12
#: A longer text is not a name or path, but for example a chat template.
_LONG_TEXT = 120


class Yaml12Dumper(yaml.SafeDumper):
    """SafeDumper that writes values so that readers of YAML 1.1 and 1.2 read the same."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never write anchors and aliases."""
        return True


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    # With a point, as 1e-06 is a string in YAML 1.1 and 1.0e-06 a number.
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    special = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}
    return dumper.represent_scalar("tag:yaml.org,2002:float", special.get(text, text))


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # PyYAML quotes what YAML 1.1 reads as something else; `1e-6` and `0o17` need quotes for YAML
    # 1.2. Unusual line ends survive only as escapes in double quotes.
    style = None if plain_tag(value) == "tag:yaml.org,2002:str" else "'"
    if _UNUSUAL_LINE_END.search(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Yaml12Dumper.add_representer(float, _represent_float)
Yaml12Dumper.add_representer(str, _represent_text)


def dump_yaml(data: Mapping[str, Any]) -> str:
    """Return a mapping as YAML in its own key order, for readers of YAML 1.1 and 1.2."""
    text: str = yaml.dump(
        dict(data), Dumper=Yaml12Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def short_number(value: float | int) -> str:
    """Return the shortest text of a number: `1e-6`, `0.05`, `16`.

    Different numbers have different texts, and `float` restores the number.
    """
    if isinstance(value, int):
        return str(int(value))
    if not math.isfinite(value):
        return str(value)
    if 0.01 <= abs(value) < 1e6 or value == 0:
        return repr(value).removesuffix(".0")
    number = Decimal(repr(value))
    sign, digits, _ = number.normalize().as_tuple()
    mantissa = f"{digits[0]}.{''.join(map(str, digits[1:]))}".removesuffix(".")
    return f"{'-' if sign else ''}{mantissa}e{number.adjusted()}"


def short_value(value: Any) -> str:
    """Return a value as tables show it: numbers short, None as `-`, hashes by their first digits.

    A long text of several words is shown by its beginning and a checksum.
    """
    if value is None or isinstance(value, bool):
        return "-" if value is None else str(value)
    if isinstance(value, int | float):
        return short_number(value)
    text = str(value)
    if isinstance(value, str) and _SHA256(value):
        return text[: len("sha256:") + _HASH_DIGITS]
    if isinstance(value, str) and len(value) > _LONG_TEXT and any(map(str.isspace, value)):
        return f"{' '.join(value.split())[:24]}… ({zlib.crc32(value.encode()):08x})"
    return text
