"""The dataset card: README.md in the form that the Hugging Face hub and `datasets` read.

It is told from the manifest alone, and names no time, no host and no absolute path: the same recipe
and files give the same card.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.config import dump_yaml
from penstock.files import plural, write_atomic
from penstock.manifest import FileEntry, Manifest
from penstock.recipes.portable import portable, short_names, written
from penstock.recipes.summary import SummaryTable, summary_tables
from penstock.redaction import redact
from penstock.sources import SOURCES
from penstock.splits import SPLIT_NAMES
from penstock.steps import STEPS

CARD_NAME = "README.md"
#: What `datasets` reads as rows.
_LOADED = ".jsonl"
#: How the hub names sizes, each with the least number of rows that is more.
_SIZES = {
    1_000: "n<1K",
    10_000: "1K<n<10K",
    100_000: "10K<n<100K",
    1_000_000: "100K<n<1M",
    10_000_000: "1M<n<10M",
    100_000_000: "10M<n<100M",
    1_000_000_000: "100M<n<1B",
    10_000_000_000: "1B<n<10B",
    100_000_000_000: "10B<n<100B",
    1_000_000_000_000: "100B<n<1T",
}
_BEYOND = "n>1T"
#: How many digits of a hash are shown.
_SHORT = 12


def add_card(manifest: Manifest, directory: Path, name: str) -> Manifest:
    """Write the card of a dataset into its directory; return the manifest that lists it, too."""
    write_atomic(directory / CARD_NAME, card_of(manifest, name))
    entry = FileEntry.of(directory, CARD_NAME)
    return manifest.model_copy(update={"files": [*manifest.files, entry]})


def card_of(manifest: Manifest, name: str) -> str:
    """Return the card of the dataset `name`: YAML front matter, then Markdown."""
    shown: Manifest = Manifest.model_validate(redact(manifest.model_dump(mode="json")))
    sections = [
        f"---\n{dump_yaml(_front(shown, name))}---",
        f"# {name}",
        *_words(shown),
        *map(_section, summary_tables(shown)),
        *_notes(shown),
        *_recipe(shown),
        *_inputs(shown),
        _use(shown),
    ]
    return "\n\n".join(sections) + "\n"


def _front(manifest: Manifest, name: str) -> dict[str, Any]:
    """Return the metadata of the card: what `datasets.load_dataset` finds the splits by."""
    told = manifest.recipe["card"] if isinstance(manifest.recipe["card"], dict) else {}
    rows = sum(_split_rows(manifest).values())
    size = next((said for most, said in _SIZES.items() if rows < most), _BEYOND)
    front = {"pretty_name": name, **{key: value for key, value in told.items() if value}}
    files = [
        {"split": split, "path": paths[0] if len(paths) == 1 else paths}
        for split in SPLIT_NAMES
        if (paths := _paths(manifest, split))
    ]
    configs = [{"config_name": "default", "data_files": files}] if files else []
    return {**front, "size_categories": [size], **({"configs": configs} if configs else {})}


def _split_rows(manifest: Manifest) -> dict[str, int]:
    counts = {split: manifest.counts.get(f"{split}.rows", 0) for split in SPLIT_NAMES}
    return {split: count for split, count in counts.items() if count}


def _paths(manifest: Manifest, split: str) -> list[str]:
    return [e.path for e in manifest.files if e.split == split and e.path.endswith(_LOADED)]


def _words(manifest: Manifest) -> Iterator[str]:
    """Yield what is said first: the description, and what nobody should overlook."""
    if manifest.recipe["description"]:
        yield manifest.recipe["description"].strip()
    if manifest.synthetic:
        yield "**Random tokens**, for measuring speed alone: nothing can be learned from them."
    if manifest.confidential:
        yield "**Confidential**: the recipe says `redact: true`."
    yield _division(manifest)


def _division(manifest: Manifest) -> str:
    """Say how the splits were decided."""
    for entry in manifest.recipe["steps"]:
        [(name, settings)] = entry.items()
        step = STEPS.get(name)
        if step.divides:
            said = (step.__doc__ or "").partition("\n\n")[0].replace("\n    ", " ")
            own = dump_yaml(portable({name: written(STEPS, name, settings)})).strip()
            return (
                f"The splits are those of the step `{name}`, which is to {said[0].lower()}"
                f"{said[1:]}\n\n```yaml\n{own}\n```"
            )
    if list(_split_rows(manifest)) == ["train"]:
        return "No step divides the rows: all of them are train."
    return "The splits are those that the sources had."


def _notes(manifest: Manifest) -> Iterator[str]:
    """Yield what is not there: splits that were left out, rows that could not be used."""
    left_out = (manifest.recipe.get("preset") or {}).get("left_out", [])
    if left_out:
        yield f"Left out, as the recipe says: {', '.join(f'`{name}`' for name in left_out)}."
    if manifest.statistics:
        yield (
            "Lengths are in words, which stand between white space: the mean, what 95 % of the "
            "rows do not exceed, and the greatest; `edit` is the edit distance of the sides over "
            "words, as a share of the longer. `penstock.json` has characters and histograms as "
            "well."
        )
    if manifest.skipped:
        names = short_names([row.file for row in manifest.skipped])
        rows = [(names[row.file], f"{row.line}", row.reason) for row in manifest.skipped]
        more = sum(manifest.counts.get(name, 0) for name in ("skipped", "left_out")) - len(rows)
        if more > 0:
            rows.append(("...", "", f"{plural(more, 'row')} more"))
        yield _section(SummaryTable("Rows left out", ("file", "line", "why"), rows))


def _recipe(manifest: Manifest) -> Iterator[str]:
    """Yield the recipe in its own words, without what is as it always is."""
    told = manifest.recipe
    sources = {
        name: {"kind": settings["kind"], **written(SOURCES, settings["kind"], settings)}
        for name, settings in told["sources"].items()
    }
    steps = [
        {name: own} if (own := written(STEPS, name, settings)) else name
        for entry in told["steps"]
        for name, settings in entry.items()
    ]
    recipe = {"seed": told["seed"], "sources": sources, "steps": steps, "format": manifest.format}
    text = dump_yaml(portable(recipe))
    fence = "`" * 3
    while fence in text:
        fence += "`"
    preset = (told.get("preset") or {}).get("settings", {}).get("recipe")
    said = f"The recipe `{preset}`, written out" if preset else "The recipe"
    yield (
        f"## How it was built\n\n{said}, by penstock {manifest.penstock}; recipe and input decide "
        f"every byte.\n\n{fence}yaml\n{text}{fence}"
    )


def _inputs(manifest: Manifest) -> Iterator[str]:
    names = short_names([entry.path for entry in manifest.inputs])
    rows = [
        (names[entry.path], f"{entry.size:,}", f"`{entry.sha256.partition(':')[2][:_SHORT]}`")
        for entry in manifest.inputs
    ]
    if rows:
        yield _section(SummaryTable("Made from", ("file", "bytes", "SHA-256"), rows))


def _use(manifest: Manifest) -> str:
    """Say how the dataset is checked, looked at, loaded and trained on."""
    lines = [
        "penstock check DIR    # whole, well-formed, and what the manifest says",
        "penstock show DIR     # rows",
    ]
    if manifest.format == "chat":
        lines.append("penstock export llamafactory DIR --model MODEL    # how to train on it")
    text = "\n".join(lines)
    said = f"## How to use it\n\nWhere DIR is this directory:\n\n```\n{text}\n```"
    if any(_paths(manifest, split) for split in SPLIT_NAMES):
        said += '\n\n```python\nimport datasets\n\nsplits = datasets.load_dataset("DIR")\n```'
    return said


def _section(table: SummaryTable) -> str:
    """Return a table in Markdown under its title; figures stand on the right."""
    rule = ["---:" if is_figure else "---" for is_figure in table.figures]
    rows = [[_cell(text) for text in row] for row in table.rows]
    lines = [f"| {' | '.join(row)} |" for row in (table.columns, rule, *rows)]
    return "\n".join([f"## {table.title}\n", *lines])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
