"""Checks of packed rows in TFRecord files, in the layout of TensorFlow Datasets."""

from __future__ import annotations

from penstock.checks._packed.tfds import TfdsChecker
from penstock.formats.tfrecord import FORMAT


class TfrecordChecker(TfdsChecker):
    """Checks TFRecord files: their checksums, the JSON files beside them, and the rows."""

    format = FORMAT.name
    looks_like = FORMAT.looks_like
    of = FORMAT


CHECKER = TfrecordChecker()
