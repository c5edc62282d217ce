"""Experiments: one YAML file, its grid, its runs."""

from penstock.experiments.carrying import GridOutcome, train
from penstock.experiments.detaching import Detached, train_detached
from penstock.experiments.planning import Plan, PlannedRun, load_experiment
from penstock.experiments.schema import Experiment, experiment_schema, experiment_yaml

__all__ = [
    "Detached",
    "Experiment",
    "GridOutcome",
    "Plan",
    "PlannedRun",
    "experiment_schema",
    "experiment_yaml",
    "load_experiment",
    "train",
    "train_detached",
]
