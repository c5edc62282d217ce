"""The check of packed rows in ArrayRecord files, in the layout of TensorFlow Datasets."""

from penstock.checks._packed.tfds import TfdsCheck
from penstock.formats.arrayrecord import FORMAT

CHECK = TfdsCheck(FORMAT)
