"""Where rows come from: one file per kind of input."""

from penstock.registry import Registry
from penstock.sources._base import InputSplit, Source
from penstock.sources._files import describe_input, is_url
from penstock.sources._state import input_state

__all__ = ["SOURCES", "InputSplit", "Source", "describe_input", "input_state", "is_url"]

SOURCES: Registry[type[Source]] = Registry("source", "penstock.sources", "SOURCE")
