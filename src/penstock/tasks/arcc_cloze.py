"""ARC-Challenge, cloze: the choices' texts compete as answers."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.tasks import Row
from penstock.tasks._arc import Arc


class ArcCloze(Arc):
    """The model never sees the choices together."""

    name = "arcc_cloze"
    directory = "ArcC_Cloze"

    def prompt(self, row: Row) -> str:
        """`Question: ... Answer:`."""
        return f"Question: {row['question']}\nAnswer:"

    def options(self, row: Row) -> Sequence[str]:
        """The texts of the choices."""
        return [f" {text}" for text in row["choices"]["text"]]


TASK = ArcCloze()
