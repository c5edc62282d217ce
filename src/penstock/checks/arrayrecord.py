"""Checks of packed rows in ArrayRecord files, in the layout of TensorFlow Datasets."""

from __future__ import annotations

from penstock.checks._packed.tfds import TfdsChecker
from penstock.formats.arrayrecord import FORMAT


class ArrayRecordChecker(TfdsChecker):
    """Checks ArrayRecord files, the JSON files beside them, and the rows."""

    format = FORMAT.name
    looks_like = FORMAT.looks_like
    of = FORMAT


CHECKER = ArrayRecordChecker()
