"""Where rows come from: one file per kind of input."""

from penstock.registry import Registry
from penstock.sources._base import Piece, Source

__all__ = ["SOURCES", "Piece", "Source"]

SOURCES: Registry[type[Source]] = Registry("source", "penstock.sources", "SOURCE")
