"""What is done to rows and tokens on their way: one file per step."""

from penstock.registry import Registry
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._json_rows import as_bytes
from penstock.steps._measuring import histogram_bins
from penstock.steps._order import Order
from penstock.steps._template import parse_template
from penstock.text import normalised

__all__ = [
    "STEPS",
    "Arranging",
    "Order",
    "Stage",
    "Step",
    "as_bytes",
    "histogram_bins",
    "normalised",
    "parse_template",
]

STEPS: Registry[type[Step]] = Registry("step", "penstock.steps", "STEP")
