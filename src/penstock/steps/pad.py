"""The step `pad`: every row filled up to one length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from penstock.errors import ConfigError
from penstock.files import plural
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._order import Order
from penstock.steps.pack import Pack


class Pad(Step):
    """Fill rows up at their end; the padding is segment 0 and carries no loss."""

    takes = Stage.ORDER
    gives = Stage.ORDER
    needs_tokens = True

    id: int | None = Field(
        None, ge=0, description="The id that fills. Default: the tokenizer's pad id, else its eod."
    )
    to: int | None = Field(
        None, gt=0, description="The length of every row in tokens. Default: the context of `pack`."
    )

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse to pad to a length that nothing gives."""
        if self.to is None and not any(isinstance(step, Pack) for step in before):
            raise ConfigError("the length is not known; give `to`, or put `pack` before")

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order with a length for all rows and the id that fills them.

        Raises ConfigError when no id is known, or a row is longer.
        """
        known = (self.id, arranging.pad_id, arranging.eod_id)
        pad_id = next((choice for choice in known if choice is not None), None)
        if pad_id is None:
            raise ConfigError("the tokenizer has no pad and no eod token; give `id`", field="pad")
        length = self.to or order.context
        assert length is not None, "verified"
        lengths = order.unit_lengths()
        if too_long := int((lengths > length).sum()):
            raise ConfigError(
                f"{plural(too_long, 'row')} of {len(order):,} exceed {length:,} tokens (the "
                f"longest has {lengths.max():,}); raise `to`, or put `split` and `pack` before",
                field="pad",
            )
        arranging.counts["pad.tokens"] += len(order) * length - order.tokens
        return replace(order, context=length, pad_id=pad_id)


STEP = Pad
