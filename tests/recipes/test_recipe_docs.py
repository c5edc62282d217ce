"""The documents of recipes: every setting is in docs/recipes.md, and every example is valid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic_core import PydanticUndefined

from penstock.config import Options, dump_yaml
from penstock.executors import EXECUTORS
from penstock.formats import FORMATS
from penstock.recipes import RecipeFile
from penstock.recipes.presets import PRESETS
from penstock.recipes.recipe import read_recipe
from penstock.registry import Registry
from penstock.sources import SOURCES
from penstock.steps import STEPS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
DOCUMENTS = ("recipes.md", "pairs.md", "chat.md")


def table_of(rows: list[str]) -> list[str]:
    """Return the lines of the table with these rows."""
    return ["| setting | default | |", "|---|---|---|", *rows] if rows else ["It has no settings."]


def rows_of(
    model: type[Options], prefix: str = "", defaults: Options | None = None
) -> Iterator[str]:
    """Yield a row for each setting; settings of a group have dotted names."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        default = default if defaults is None else getattr(defaults, name)
        group = default if isinstance(default, Options) else None
        if default is PydanticUndefined:
            shown = "required"
        else:
            shown = "" if group else f"`{inline(default)}`"
        if choices := choices_of(field.annotation):
            shown += f" (of {', '.join(f'`{choice}`' for choice in choices)})"
        description = (field.description or "").replace("|", "\\|")
        yield f"| `{prefix}{name}` | {shown} | {description} |"
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, Options):
                yield from rows_of(kind, f"{prefix}{name}.", group)


def choices_of(annotation: Any) -> list[str]:
    """Return the possible values of a setting."""
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
    """Return the documentation of one source, step, format, executor or named recipe.

    Settings that several sources, formats or named recipes have are documented with the first one.
    """
    rows = list(rows_of(model))
    owners: dict[str, str] = {}  # the first source, format, ... with this row
    for other_kind, other, similar in entries():
        if other_kind == kind != "step":
            owners |= {row: other for row in rows_of(similar) if row not in owners}
    for owner in sorted({*owners.values()} - {name}):
        same = [row for row in rows if owners.get(row) == owner]
        if len(same) > 1:
            settings = ", ".join(row.split(" | ")[0].removeprefix("| ") for row in same)
            rows = [row for row in rows if row not in same]
            rows.append(f"| {settings} | | As in `{owner}`. |")
    first = (model.__doc__ or "").partition("\n")[0]
    return "\n".join([f"### {kind} `{name}`", "", first, "", *table_of(rows)])


def entries() -> list[tuple[str, str, type[Options]]]:
    registries: list[Registry[Any]] = [PRESETS, SOURCES, STEPS, FORMATS, EXECUTORS]
    return [(each.kind, name, each.get(name)) for each in registries for name in each.names()]


@pytest.mark.parametrize(("kind", "name", "model"), entries(), ids=lambda value: str(value)[:30])
def test_every_setting_is_documented(kind: str, name: str, model: type[Options]) -> None:
    expected = section(kind, name, model)
    if expected not in DOCUMENT.read_text(encoding="utf-8"):
        pytest.fail(f"docs/recipes.md must have this section:\n\n{expected}\n", pytrace=False)


def test_the_keys_of_a_recipe_are_documented() -> None:
    assert "\n".join(table_of([*rows_of(RecipeFile)])) in DOCUMENT.read_text(encoding="utf-8")


def yaml_blocks() -> list[Any]:
    """Return the recipes and parts of recipes in the documents."""
    texts = ((DOCUMENT.parent / name).read_text(encoding="utf-8") for name in DOCUMENTS)
    blocks = [block for text in texts for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]
    return [pytest.param(block, id=block.strip().partition("\n")[0]) for block in blocks]


@pytest.mark.parametrize("block", yaml_blocks())
def test_every_example_is_valid(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of a recipe is completed with a source, a format and an output."""
    monkeypatch.chdir(tmp_path)
    for name in ("paws/dev.tsv", "paws/test.tsv", "qqp/questions_sample.csv"):
        (tmp_path / "pairs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pairs" / name).touch()  # files of named recipes must exist
    if not re.search(r"^recipe:", block, re.M):
        others = {"source": "{ kind: jsonl, path: a.jsonl }", "format": "jsonl", "output": "out"}
        for key, value in others.items():
            if not re.search(rf"^{key}s?:", block, re.M):
                block += f"{key}: {value}\n"
    (tmp_path / "recipe.yaml").write_text(block, encoding="utf-8")
    assert read_recipe(tmp_path / "recipe.yaml").settings()
