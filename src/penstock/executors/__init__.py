"""Where shards and runs are carried."""

from penstock.executors.local import LocalExecutor, Slot, device_slots
from penstock.executors.process import ProcessOutcome, run_process

__all__ = ["LocalExecutor", "ProcessOutcome", "Slot", "device_slots", "run_process"]
