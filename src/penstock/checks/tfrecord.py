"""The check of packed rows in TFRecord files, in the layout of TensorFlow Datasets."""

from penstock.checks._packed.tfds import TfdsCheck
from penstock.formats.tfrecord import FORMAT

CHECK = TfdsCheck(FORMAT)
