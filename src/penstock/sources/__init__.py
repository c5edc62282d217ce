"""Readers of rows: one module per kind of input."""

from penstock.registry import Registry
from penstock.sources._base import InputSplit, Source, describe_input, input_state
from penstock.sources._files import is_url

__all__ = ["SOURCES", "InputSplit", "Source", "describe_input", "input_state", "is_url"]

SOURCES: Registry[type[Source]] = Registry("source", "penstock.sources", "SOURCE")
