"""Experiments: one YAML file, its grid, its runs."""

from penstock.experiments.detach import DetachedGrid, train_detached
from penstock.experiments.plan import GridPlan, PlannedRun, load_experiment
from penstock.experiments.run import GridOutcome, train
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
