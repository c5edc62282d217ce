"""YAML that errs aloud: YAML 1.2 scalars, no duplicate keys, errors with line and caret."""

from penstock.config.document import Document, KeyPath, parse_yaml, read_yaml
from penstock.config.options import FileName, Options
from penstock.config.overrides import apply_overrides
from penstock.config.validation import config_error, validate
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
