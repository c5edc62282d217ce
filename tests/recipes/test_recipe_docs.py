"""docs/recipes.md has every source, step, format and executor with every setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic_core import PydanticUndefined

from penstock.config import Options, dump_yaml
from penstock.executors import EXECUTORS
from penstock.formats import FORMATS
from penstock.recipes import RecipeFile
from penstock.recipes.presets import PRESETS
from penstock.registry import Registry
from penstock.sources import SOURCES
from penstock.steps import STEPS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"


def settings_of(model: type[Options], defaults: Options | None = None) -> list[str]:
    """Return the lines of the table that documents a model, whose defaults may be an instance's."""
    lines = ["| setting | default | |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        default = default if defaults is None else getattr(defaults, name)
        if isinstance(default, Options):
            shown = "below"
        else:
            shown = "required" if default is PydanticUndefined else f"`{inline(default)}`"
        choices = choices_of(field.annotation)
        if choices:
            shown += f" (of {', '.join(f'`{choice}`' for choice in choices)})"
        lines.append(
            f"| `{name}` | {shown} | {(field.description or '').replace('|', chr(92) + '|')} |"
        )
    return lines if len(lines) > 2 else ["It has no settings."]


def choices_of(annotation: Any) -> list[str]:
    """Return the words that a setting may be."""
    if get_origin(annotation) is Literal:
        return [str(word) for word in get_args(annotation)]
    return [word for part in get_args(annotation) for word in choices_of(part)]


def inline(value: Any) -> str:
    value = str(value) if isinstance(value, Path) else value
    if isinstance(value, str):
        return value if value.isprintable() and value else repr(value)
    text = dump_yaml({"x": list(value) if isinstance(value, tuple) else value})
    return " ".join(text.removeprefix("x:").split()).replace("- ", "") or "[]"


def section(kind: str, name: str, model: type[Options]) -> str:
    """Return what the document says of one source, step or format."""
    first = (model.__doc__ or "").partition("\n")[0]
    lines = [f"### {kind} `{name}`", "", first, "", *settings_of(model)]
    for key, inner, defaults in groups_of(model):
        lines += ["", f"In `{key}`:", "", *settings_of(inner, defaults)]
    return "\n".join(lines)


def groups_of(
    model: type[Options], above: str = "", defaults: Options | None = None
) -> list[tuple[str, type[Options], Options | None]]:
    """Return the groups of settings within others, by their dotted names, with their defaults."""
    found: list[tuple[str, type[Options], Options | None]] = []
    for name, field in model.model_fields.items():
        default = getattr(defaults, name) if defaults is not None else field.default
        default = default if isinstance(default, Options) else None
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, Options):
                found.append((f"{above}{name}", kind, default))
                found += groups_of(kind, f"{above}{name}.", default)
    return found


def entries() -> list[tuple[str, str, type[Options]]]:
    registries: list[Registry[Any]] = [PRESETS, SOURCES, STEPS, FORMATS, EXECUTORS]
    return [(each.kind, name, each.get(name)) for each in registries for name in each.names()]


@pytest.mark.parametrize(("kind", "name", "model"), entries(), ids=lambda value: str(value)[:30])
def test_every_setting_is_documented(kind: str, name: str, model: type[Options]) -> None:
    assert section(kind, name, model) in DOCUMENT.read_text(encoding="utf-8")


def test_the_keys_of_a_recipe_are_documented() -> None:
    assert "\n".join(settings_of(RecipeFile)) in DOCUMENT.read_text(encoding="utf-8")
