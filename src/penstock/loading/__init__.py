"""Datasets on their way into a training loop."""

from penstock.loading.identity import fingerprint
from penstock.loading.samples import IGNORED
from penstock.loading.tokens import TokenDataset

__all__ = ["IGNORED", "TokenDataset", "fingerprint"]
