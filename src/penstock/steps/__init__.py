"""The steps of recipes: `rows/` works batch by batch, `dataset/` on the whole dataset."""

from penstock.registry import Registry
from penstock.steps._base import (
    Capabilities,
    DatasetStep,
    FilteringStep,
    MeasuringStep,
    RowStep,
    SourceSelection,
    Step,
    StepPosition,
    Threshold,
    TokenStep,
)
from penstock.steps._fields import UnusableError, map_rows, text_of
from penstock.steps._order import Order, OrderContext

__all__ = [
    "STEPS",
    "Capabilities",
    "DatasetStep",
    "FilteringStep",
    "MeasuringStep",
    "Order",
    "OrderContext",
    "RowStep",
    "SourceSelection",
    "Step",
    "StepPosition",
    "Threshold",
    "TokenStep",
    "UnusableError",
    "map_rows",
    "text_of",
]

STEPS: Registry[type[Step]] = Registry(
    "step", "penstock.steps", "STEP", subpackages=("rows", "dataset")
)
