"""A file that names a recipe, written out: its sources, steps and format."""

from __future__ import annotations

from pathlib import Path

from penstock.config import Document, validate
from penstock.errors import ConfigError, did_you_mean_path
from penstock.recipes.presets import PRESETS


def written_out(document: Document) -> Document:
    """Return the document of the recipe that a file with `recipe: NAME` stands for.

    What comes from a setting keeps the setting's place. Raises ConfigError for what does not fit,
    and for a file that is not there.
    """
    name = document.data["recipe"]
    known = ", ".join(PRESETS.names())
    if not isinstance(name, str):
        raise document.error(f"must name a recipe ({known})", ("recipe",))
    try:
        model = PRESETS.get(name)
    except ConfigError as error:
        raise document.error(error.message, ("recipe",)) from None
    preset = validate(document, model)
    seen: dict[Path, str] = {}
    for place, path, mend in preset.files():
        if not path.exists():
            hint = did_you_mean_path(path) or f"; {mend}"
            raise document.error(f"there is no {path}{hint}", place)
        setting = ".".join(map(str, place))
        if (other := seen.setdefault(path.resolve(), setting)) != setting:
            raise document.error(f"{path} is {other} already; {mend}", place)
    if not preset.sources():
        left_out = ", ".join(preset.left_out())
        raise document.error(f"nothing is left to build from: {left_out} are null")
    made = preset.settings()
    return Document(made, document.file, document.text, document.marks, preset.origins())
