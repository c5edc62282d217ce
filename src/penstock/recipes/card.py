"""The dataset card: README.md in the form that the Hugging Face hub and `datasets` read.

It is made from the manifest, without time, host and absolute paths: the same recipe and files give
the same card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from pydantic import ValidationError

from penstock.config import Options, dump_yaml
from penstock.errors import ConfigError
from penstock.files import plural, write_atomic
from penstock.manifest import BuildRecipe, FileEntry, Manifest
from penstock.recipes.report import SummaryTable, summary_tables
from penstock.redaction import redact
from penstock.registry import Registry
from penstock.sources import SOURCES, is_url
from penstock.splits import SPLIT_NAMES
from penstock.steps import STEPS

CARD_NAME = "README.md"
#: The files that `datasets` reads as rows.
_LOADED = ".jsonl"
#: The limits of the hub's size categories, from 1,000 rows, each ten times the one before.
_LIMITS = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
#: How many hex digits of a hash are shown.
_SHORT = 12


def add_card(manifest: Manifest, directory: Path, name: str) -> Manifest:
    """Write the card into the directory of a dataset; return the manifest with its entry."""
    write_atomic(directory / CARD_NAME, card_of(manifest, name))
    entry = FileEntry.of(directory, CARD_NAME)
    return manifest.model_copy(update={"files": [*manifest.files, entry]})


def card_of(manifest: Manifest, name: str) -> str:
    """Return the card of the dataset `name`: YAML front matter, then Markdown."""
    shown: Manifest = Manifest.model_validate(redact(manifest.model_dump(mode="json")))
    sections = [
        f"---\n{dump_yaml(_front(shown, name))}---",
        f"# {name}",
        *_introduction(shown),
        *map(_section, summary_tables(shown)),
        *_notes(shown),
        *_recipe(shown),
        *_inputs(shown),
        _use(shown),
    ]
    return "\n\n".join(sections) + "\n"


def _front(manifest: Manifest, name: str) -> dict[str, Any]:
    """Return the metadata of the card, with the files of each split for `datasets`."""
    card = _recipe_of(manifest).card
    rows = sum(_split_rows(manifest).values())
    front = {"pretty_name": name}
    if isinstance(card, dict):
        front |= {key: value for key, value in card.items() if value}
    files = [
        {"split": split, "path": paths[0] if len(paths) == 1 else paths}
        for split in SPLIT_NAMES
        if (paths := _paths(manifest, split))
    ]
    configs = [{"config_name": "default", "data_files": files}] if files else []
    size = {"size_categories": [_size_category(rows)]}
    return {**front, **size, **({"configs": configs} if configs else {})}


def _size_category(rows: int) -> str:
    limit = max(len(str(rows)) - 3, 0)  # the index of the smallest limit above `rows`
    if limit >= len(_LIMITS):
        return f"n>{_LIMITS[-1]}"
    return f"{_LIMITS[limit - 1]}<n<{_LIMITS[limit]}" if limit else f"n<{_LIMITS[0]}"


def _split_rows(manifest: Manifest) -> dict[str, int]:
    counts = {split: manifest.counts.get(f"{split}.rows", 0) for split in SPLIT_NAMES}
    return {split: count for split, count in counts.items() if count}


def _paths(manifest: Manifest, split: str) -> list[str]:
    return [e.path for e in manifest.files if e.split == split and e.path.endswith(_LOADED)]


def _introduction(manifest: Manifest) -> Iterator[str]:
    """Yield the description, warnings, and how the splits were made."""
    if description := _recipe_of(manifest).description.strip():
        yield description
    if manifest.synthetic:
        yield "**Random tokens**, only for measuring speed: a model learns nothing from them."
    if manifest.confidential:
        yield "**Confidential**: the recipe says `redact: true`."
    yield _splits(manifest)


def _splits(manifest: Manifest) -> str:
    for entry in _recipe_of(manifest).steps:
        [(name, settings)] = entry.items()
        step = STEPS.get(name)
        if step.capabilities.divides:
            summary = (step.__doc__ or "").partition("\n\n")[0].replace("\n    ", " ")
            own = dump_yaml(_portable({name: _changed(STEPS, name, settings)})).strip()
            return f"The step `{name}` makes the splits. {summary}\n\n```yaml\n{own}\n```"
    if list(_split_rows(manifest)) == ["train"]:
        return "No step divides the rows: all of them are train."
    return "The splits are those of the sources."


def _notes(manifest: Manifest) -> Iterator[str]:
    """Yield splits that were left out, how lengths are measured, rows that were dropped."""
    left_out = (_recipe_of(manifest).preset or {}).get("left_out", [])
    if left_out:
        yield f"Left out by the recipe: {', '.join(f'`{name}`' for name in left_out)}."
    if manifest.statistics:
        yield (
            "Lengths are in words (separated by white space): mean, 95th percentile and maximum; "
            "`edit` is the edit distance of the sides over words, as a share of the longer. "
            "`penstock.json` also has characters and histograms."
        )
    if manifest.skipped:
        names = _short_names([row.file for row in manifest.skipped])
        rows = [(names[row.file], f"{row.line}", row.reason) for row in manifest.skipped]
        if (more := manifest.skipped_rows - len(rows)) > 0:
            rows.append(("...", "", f"{plural(more, 'row')} more"))
        yield _section(SummaryTable("Dropped rows", ("file", "line", "reason"), rows))


def _recipe(manifest: Manifest) -> Iterator[str]:
    """Yield the recipe as YAML, without settings that have their default."""
    recipe = _recipe_of(manifest)
    sources = {
        name: {"kind": settings["kind"], **_changed(SOURCES, settings["kind"], settings)}
        for name, settings in recipe.sources.items()
    }
    steps = [
        {name: own} if (own := _changed(STEPS, name, settings)) else name
        for entry in recipe.steps
        for name, settings in entry.items()
    ]
    shown = {"seed": recipe.seed, "sources": sources, "steps": steps, "format": manifest.format}
    text = dump_yaml(_portable(shown))
    fence = "`" * 3
    while fence in text:
        fence += "`"
    preset = (recipe.preset or {}).get("settings", {}).get("recipe")
    title = f"The recipe `{preset}`, expanded" if preset else "The recipe"
    yield (
        f"## How it was built\n\n{title}, built by penstock {manifest.penstock}; recipe and input "
        f"determine every byte.\n\n{fence}yaml\n{text}{fence}"
    )


def _inputs(manifest: Manifest) -> Iterator[str]:
    names = _short_names([entry.path for entry in manifest.inputs])
    rows = [
        (names[entry.path], f"{entry.size:,}", f"`{entry.sha256.partition(':')[2][:_SHORT]}`")
        for entry in manifest.inputs
    ]
    if rows:
        yield _section(SummaryTable("Inputs", ("file", "bytes", "SHA-256"), rows))


def _use(manifest: Manifest) -> str:
    """Return the commands that check, show, load and export the dataset."""
    lines = [
        "penstock check DIR    # complete, well-formed, equal to its manifest",
        "penstock show DIR     # rows",
    ]
    if manifest.format == "chat":
        lines.append("penstock export llamafactory DIR --model MODEL    # how to train on it")
    text = "\n".join(lines)
    usage = f"## How to use it\n\nDIR is this directory:\n\n```\n{text}\n```"
    if any(_paths(manifest, split) for split in SPLIT_NAMES):
        usage += '\n\n```python\nimport datasets\n\nsplits = datasets.load_dataset("DIR")\n```'
    return usage


def _section(table: SummaryTable) -> str:
    """Return a table in Markdown with its title; numbers are aligned right."""
    rule = ["---:" if is_number else "---" for is_number in table.numeric]
    rows = [[_cell(text) for text in row] for row in table.rows]
    lines = [f"| {' | '.join(row)} |" for row in (table.columns, rule, *rows)]
    return "\n".join([f"## {table.title}\n", *lines])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _recipe_of(manifest: Manifest) -> BuildRecipe:
    assert isinstance(manifest.recipe, BuildRecipe)  # only builds have a card
    return manifest.recipe


def _changed(registry: Registry[Any], name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a registered class that differ from their default."""
    own = {key: value for key, value in settings.items() if key != "kind"}
    try:
        model: Options = registry.get(name).model_validate(own)
    except (ConfigError, ValidationError):  # of another version, or a missing package
        return own
    return model.model_dump(mode="json", exclude_defaults=True)


def _portable(value: Any) -> Any:
    """Return plain data in which absolute paths are replaced by their last component."""
    if isinstance(value, Mapping):
        return {key: _portable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_portable(inner) for inner in value]
    if isinstance(value, str) and PurePath(value).is_absolute():
        return PurePath(value).name
    return value


def _short_names(paths: Iterable[str]) -> dict[str, str]:
    """Return the shortest unique end of each path; a URL is not shortened."""
    distinct = set(paths)
    names = {path: path for path in distinct if is_url(path)}
    waiting = {path: PurePath(path).parts for path in distinct - names.keys()}
    for length in range(1, max(map(len, waiting.values()), default=0) + 1):
        ends = {path: parts[-length:] for path, parts in waiting.items()}
        counts = Counter(ends.values())
        for path, end in ends.items():
            if counts[end] == 1 or len(end) < length:
                names[path] = PurePath(*end).as_posix()
                del waiting[path]
    return names
