"""Datasets in the terms of trainers that are not penstock: one file per trainer."""

from __future__ import annotations

from pathlib import Path

from penstock.exports._base import Export, Exporter
from penstock.registry import Registry

__all__ = ["EXPORTS", "Export", "Exporter", "export"]

EXPORTS: Registry[Exporter] = Registry("export", "penstock.exports", "EXPORT")


def export(trainer: str, dataset: Path | str) -> Export:
    """Return the settings by which a trainer reads a dataset, and what it makes of it.

    Raises ConfigError for a trainer that is not known and a dataset that it cannot read, DataError
    for a dataset that is damaged.
    """
    return EXPORTS.get(trainer).export(Path(dataset))
