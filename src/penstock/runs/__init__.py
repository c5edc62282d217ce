"""A run: one training with every value fixed, and the directory that is its truth."""

from penstock.runs.directory import RunDirectory, find_runs
from penstock.runs.metrics import less_is_better, merit, perplexity
from penstock.runs.models import model_hash, place_of_model
from penstock.runs.records import (
    DatasetUse,
    Failure,
    FailureKind,
    ModelUse,
    RunConfig,
    RunData,
    RunRecord,
    RunResult,
    State,
    now,
)
from penstock.runs.varying import varying

__all__ = [
    "DatasetUse",
    "Failure",
    "FailureKind",
    "ModelUse",
    "RunConfig",
    "RunData",
    "RunDirectory",
    "RunRecord",
    "RunResult",
    "State",
    "find_runs",
    "less_is_better",
    "merit",
    "model_hash",
    "now",
    "perplexity",
    "place_of_model",
    "varying",
]
