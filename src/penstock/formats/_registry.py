"""The formats by name."""

from penstock.formats._base import Format
from penstock.registry import Registry

#: The formats that a recipe can write. Task JSONL comes from `penstock migrate`.
FORMATS: Registry[type[Format]] = Registry("format", "penstock.formats", "FORMAT")
