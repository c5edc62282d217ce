"""Datasets for a training loop."""

from penstock.loading.hashing import fingerprint
from penstock.loading.tokens import TokenDataset
from penstock.loading.windows import IGNORED

__all__ = ["IGNORED", "TokenDataset", "fingerprint"]
