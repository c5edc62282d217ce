"""What the manifest of merged datasets says: whose files they are, and by which tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError
from penstock.manifest import FileEntry, InputEntry, Manifest, home_of, read_manifest


def merged_manifest(
    datasets: Mapping[Path, Iterable[str]],
    *,
    format: str,
    files: Sequence[FileEntry],
    counts: Mapping[str, int],
) -> Manifest:
    """Return the manifest of `files`, which were made of `datasets`: their paths, their files.

    What a part's own manifest knows of its files is taken from there. Raises ConfigError for parts
    of different tokenizers.
    """
    manifests = {path: read_manifest(path) for path in datasets}
    known = {path: manifest for path, manifest in manifests.items() if manifest is not None}
    recipe: dict[str, Any] = {"kind": "merge", "datasets": [str(p.resolve()) for p in datasets]}
    for flag in ("redact", "synthetic"):
        if any(manifest.recipe.get(flag) for manifest in known.values()):
            recipe[flag] = True
    return Manifest(
        format=format,
        counts=dict(counts),
        files=sorted(files, key=lambda entry: entry.path),
        tokenizer=_tokenizer(known),
        recipe=recipe,
        inputs=[
            entry
            for path, names in datasets.items()
            for entry in _inputs(path, names, manifests[path])
        ],
    )


def _tokenizer(manifests: Mapping[Path, Manifest]) -> dict[str, Any] | None:
    tokenizers = {path: each.tokenizer for path, each in manifests.items() if each.tokenizer}
    first = next(iter(tokenizers), None)
    if first is None:
        return None
    for path, tokenizer in tokenizers.items():
        if tokenizer.get("sha256") != tokenizers[first].get("sha256"):
            raise ConfigError(f"is of another tokenizer than {first}", file=path)
    return tokenizers[first]


def _inputs(path: Path, names: Iterable[str], manifest: Manifest | None) -> list[InputEntry]:
    known = {entry.path: entry for entry in manifest.files} if manifest else {}
    entries = []
    for name in names:
        file = home_of(path) / name
        if name in known:
            entry = known[name]
            entries.append(
                InputEntry(path=str(file.resolve()), size=entry.size, sha256=entry.sha256)
            )
        else:
            entries.append(InputEntry.of(file))
    return entries
