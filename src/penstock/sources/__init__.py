"""Where rows come from: one file per kind of input."""

from penstock.sources.jsonl import BadLine, read_rows, scan

__all__ = ["BadLine", "read_rows", "scan"]
