"""`penstock migrate`: old trees of task data to the layout that loaders read."""

from penstock.migration.execution import migrate
from penstock.migration.plan import Action, DatasetPlan, MigrationPlan, Step, Unmigrated

__all__ = [
    "Action",
    "DatasetPlan",
    "MigrationPlan",
    "Step",
    "Unmigrated",
    "migrate",
]
