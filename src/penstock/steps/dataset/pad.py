"""The step `pad`: fill every row to the same length."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from penstock.errors import ConfigError, StepError
from penstock.files import plural
from penstock.steps._base import Capabilities, DatasetStep, StepPosition
from penstock.steps._order import Order, OrderContext
from penstock.steps.dataset.pack import Pack


class Pad(DatasetStep):
    """Pad rows at the end; padding is segment 0 and has no loss."""

    capabilities = Capabilities(needs_tokens=True)

    id: int | None = Field(
        None, ge=0, description="The padding id. Default: the tokenizer's pad id, else its eod id."
    )
    to: int | None = Field(
        None, gt=0, description="The length of every row in tokens. Default: the context of `pack`."
    )

    def verify(self, position: StepPosition) -> None:
        if self.to is None and not any(isinstance(step, Pack) for step in position.before):
            raise ConfigError("the length is not known; set `to`, or put `pack` before")

    def reorder(self, order: Order, context: OrderContext) -> Order:
        known = (self.id, context.pad_id, context.eod_id)
        pad_id = next((choice for choice in known if choice is not None), None)
        if pad_id is None:
            raise StepError("the tokenizer has no pad or eod token; set {setting}", setting="id")
        length = self.to or order.context
        assert length is not None, "verified"
        lengths = order.unit_lengths()
        if too_long := int((lengths > length).sum()):
            raise StepError(
                f"{plural(too_long, 'row')} of {len(order):,} exceed {length:,} tokens (the "
                f"longest has {lengths.max():,}); raise {{setting}}, or put `split` and `pack` "
                "before",
                setting="to",
            )
        context.report.note("tokens", len(order) * length - order.tokens)
        return replace(order, context=length, pad_id=pad_id)


STEP = Pad
