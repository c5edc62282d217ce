"""Datasets in the terms of trainers that are not penstock: one file per trainer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from penstock.config import Document, apply_overrides, validate
from penstock.exports._base import Export, Exporter
from penstock.registry import Registry

__all__ = ["EXPORTS", "Export", "Exporter", "export"]

EXPORTS: Registry[Exporter] = Registry("export", "penstock.exports", "EXPORT")


def export(
    trainer: str, dataset: Path | str, overrides: Iterable[str] = (), **options: Any
) -> Export:
    """Return the settings by which a trainer reads a dataset, and what it makes of it.

    `options` are the trainer's; `overrides` are more of them, as `key=value`. Raises ConfigError
    for a trainer that is not known, an option that it has not, and a dataset that it cannot read;
    DataError for a dataset that is damaged.
    """
    exporter = EXPORTS.get(trainer)
    document = Document(dict(options), f"export {trainer}")
    apply_overrides(document, tuple(overrides))
    return exporter.export(Path(dataset), validate(document, exporter.options(document.data)))
