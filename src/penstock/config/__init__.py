"""YAML 1.2 configuration: no duplicate keys, overrides, errors with file, line and caret."""

from penstock.config.document import Document, KeyPath, parse_yaml, read_yaml
from penstock.config.overrides import apply_overrides
from penstock.config.validation import FileName, Options, config_error, validate
from penstock.config.writing import dump_yaml, short_number, short_value

__all__ = [
    "Document",
    "FileName",
    "KeyPath",
    "Options",
    "apply_overrides",
    "config_error",
    "dump_yaml",
    "parse_yaml",
    "read_yaml",
    "short_number",
    "short_value",
    "validate",
]
