"""The way a zo run went: seed, g and learning rate of each step, from which its weights come back.

`trajectory.jsonl` has a first line with ε and the weight decay, and a line a step. About 70 bytes a
step stand for a checkpoint of any size, given the model that the run started from.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from penstock.errors import DataError

TRAJECTORY_NAME = "trajectory.jsonl"


@dataclass(frozen=True)
class TrajectoryStep:
    """One update: its number (from 1), the seed of z, the projected gradient, the rate."""

    step: int
    seed: int
    g: float
    learning_rate: float


class Trajectory:
    """The steps of a run, written as they are taken."""

    def __init__(self, zo_eps: float, weight_decay: float) -> None:
        self.zo_eps = zo_eps
        self.weight_decay = weight_decay
        self._file: Path | None = None

    def open(self, directory: Path) -> None:
        """Begin the file in a run's directory; without it, steps are not kept."""
        self._file = directory / TRAJECTORY_NAME
        header = {"zo_eps": self.zo_eps, "weight_decay": self.weight_decay}
        self._file.write_bytes(orjson.dumps(header) + b"\n")

    def append(self, step: TrajectoryStep) -> None:
        """Add one step, in one write, so that a kill leaves whole lines."""
        if self._file is not None:
            with self._file.open("ab", buffering=0) as stream:
                stream.write(orjson.dumps(asdict(step)) + b"\n")


def read_trajectory(directory: Path, last_step: int) -> list[TrajectoryStep]:
    """Return the steps of a run from 1 to `last_step`.

    Raises DataError when the file is missing, or ends before, or is not what it must be.
    """
    path = directory / TRAJECTORY_NAME
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
        steps = [TrajectoryStep(**orjson.loads(line)) for line in lines[1 : last_step + 1]]
    except FileNotFoundError:
        raise DataError("there is no such file; this is not a zo run", file=path) from None
    except (orjson.JSONDecodeError, TypeError) as error:
        raise DataError(f"not a trajectory ({error})", file=path) from None
    if [step.step for step in steps] != list(range(1, last_step + 1)):
        raise DataError(f"has {len(steps)} steps, not the {last_step} asked for", file=path)
    return steps
