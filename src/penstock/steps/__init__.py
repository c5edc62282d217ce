"""The steps of recipes: `rows/` works batch by batch, `dataset/` on the whole dataset."""

from penstock.registry import Registry
from penstock.steps._base import Capabilities, DatasetStep, RowStep, Step, StepPosition, TokenStep
from penstock.steps._fields import UnusableError
from penstock.steps._order import Order, OrderContext

__all__ = [
    "STEPS",
    "Capabilities",
    "DatasetStep",
    "Order",
    "OrderContext",
    "RowStep",
    "Step",
    "StepPosition",
    "TokenStep",
    "UnusableError",
]

STEPS: Registry[type[Step]] = Registry(
    "step", "penstock.steps", "STEP", subpackages=("rows", "dataset")
)
