"""Experiments: one YAML file, its grid, its runs."""

from penstock.experiments.plan import GridPlan, PlannedRun, load_experiment
from penstock.experiments.run import DetachedGrid, GridOutcome, train, train_detached
from penstock.experiments.schema import Experiment, experiment_schema, experiment_yaml

__all__ = [
    "DetachedGrid",
    "Experiment",
    "GridOutcome",
    "GridPlan",
    "PlannedRun",
    "experiment_schema",
    "experiment_yaml",
    "load_experiment",
    "train",
    "train_detached",
]
