"""The splits of a dataset."""

from __future__ import annotations

from typing import Literal

#: The split of each code (0, 1, 2) in the column `split`.
SPLIT_NAMES = ("train", "validation", "test")
#: A split's name, as a setting.
SplitName = Literal["train", "validation", "test"]
