"""PyYAML with the scalars of YAML 1.2's core schema.

PyYAML follows YAML 1.1, where `1e-6` is a string, `no` is false and `012` is ten.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_SCALARS = (
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
)
_LINE_END = re.compile("[\r\x85\u2028\u2029]")


class Yaml12Loader(yaml.SafeLoader):
    """SafeLoader that reads plain scalars as YAML 1.2 does."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return the value of a node; what is not what its tag says is an error at its place."""
        try:
            return super().construct_object(node, deep)
        except ValueError:
            kind = node.tag.rpartition(":")[2]
            problem = f"the value cannot be read as {kind}"
            raise yaml.constructor.ConstructorError(
                problem=problem, problem_mark=node.start_mark
            ) from None


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    if text.startswith("0o"):
        return int(text[2:], 8)
    return int(text, 16) if text.startswith("0x") else int(text)


class Yaml12Dumper(yaml.SafeDumper):
    """SafeDumper whose scalars readers of YAML 1.1 and of 1.2 read alike."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value out wherever it stands."""
        return True


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    # YAML 1.1 readers need the point: 1e-06 would be a string to them, 1.0e-06 is a number.
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    special = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}
    return dumper.represent_scalar("tag:yaml.org,2002:float", special.get(text, text))


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # PyYAML puts quotes around what YAML 1.1 reads as something else; `1e-6` and `0o17` need them
    # for YAML 1.2. Unusual line ends are kept only where they are escaped.
    style = None if plain_tag(value) == "tag:yaml.org,2002:str" else "'"
    if _LINE_END.search(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Yaml12Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _SCALARS:
    Yaml12Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first)
    )
Yaml12Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
Yaml12Dumper.add_representer(float, _represent_float)
Yaml12Dumper.add_representer(str, _represent_text)


def plain_tag(text: str) -> str:
    """Return the tag that YAML 1.2 gives to a scalar without quotes."""
    resolver: Any = Yaml12Loader("")
    return str(resolver.resolve(yaml.ScalarNode, text, (True, False)))


def plain_value(text: str) -> Any:
    """Return what YAML 1.2 makes of a scalar without quotes."""
    return Yaml12Loader("").construct_object(yaml.ScalarNode(plain_tag(text), text))
