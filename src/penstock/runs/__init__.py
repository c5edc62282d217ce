"""A run: one training with every value fixed, and the directory that records it."""

from penstock.runs.directory import RunDirectory, find_runs
from penstock.runs.record import (
    DatasetUse,
    Failure,
    FailureKind,
    ModelUse,
    RunConfig,
    RunData,
    RunRecord,
    RunResult,
    State,
    local_model_path,
    lower_is_better,
    model_hash,
    now,
    perplexity,
    score_for_ranking,
    varying_hyperparameters,
)

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
    "local_model_path",
    "lower_is_better",
    "model_hash",
    "now",
    "perplexity",
    "score_for_ranking",
    "varying_hyperparameters",
]
