"""Old trees of task data, brought into the layout that loaders read: `penstock migrate`."""

from penstock.migration.carry import migrate
from penstock.migration.plan import plan_migration
from penstock.migration.steps import Action, DatasetPlan, LeftBehind, MigrationPlan, Step

__all__ = [
    "Action",
    "DatasetPlan",
    "LeftBehind",
    "MigrationPlan",
    "Step",
    "migrate",
    "plan_migration",
]
