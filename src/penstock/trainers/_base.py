"""What a trainer is: a program that trains, with the capabilities that penstock has for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from penstock.config import Options, dump_yaml
from penstock.findings import Collector
from penstock.runs import RunConfig, RunDirectory


class Runner(ABC):
    """Runs experiments with one trainer: its methods, their hyperparameters, and its command.

    The command starts a process that reads `run.json` in the run's directory, appends to
    `metrics.jsonl`, and writes its result or its failure into `run.json` before it ends.
    """

    def require_installed(self) -> None:
        """Raise ConfigError, with the fix, if the trainer is not installed."""
        return

    def check_config(self, config: RunConfig) -> None:
        """Raise ConfigError, with the key as its field, for a run that the trainer cannot do."""
        return

    @abstractmethod
    def methods(self) -> list[str]:
        """Return the names of the training methods."""

    @abstractmethod
    def hyperparameters(self, method: str) -> type[BaseModel]:
        """Return the model of a method's hyperparameters; raises ConfigError for no such method."""

    @abstractmethod
    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """Return the command that performs the run of this directory."""


@dataclass(frozen=True)
class Export:
    """The settings with which a trainer reads a dataset.

    `settings` are the trainer's own keys; `version` is the trainer's version that they are for.
    `keeps` and `loses` describe what reaches the model of the dataset and what does not; `advice`
    and `warnings` are notes for the user. `head` are comment lines at the top of the YAML file.
    """

    trainer: str
    version: str
    dataset: str
    settings: Mapping[str, Any]
    keeps: Sequence[str] = ()
    loses: Sequence[str] = ()
    advice: Sequence[str] = ()
    warnings: Sequence[str] = ()
    head: Sequence[str] = ()

    def to_yaml(self) -> str:
        """Return the YAML file that the trainer reads: `head`, warnings and settings."""
        lines = [*self.head, *(f"warning: {line}" for line in self.warnings)]
        return "".join(f"# {line}\n" for line in lines) + dump_yaml(self.settings)

    def to_dict(self) -> dict[str, Any]:
        """Return what `--format json` prints."""
        return asdict(self)


class NoOptions(Options):
    """The options of an exporter without options."""


class Exporter(ABC):
    """Writes the settings with which one trainer reads a dataset."""

    def options(self, given: Mapping[str, Any]) -> type[BaseModel]:
        """Return the model of the options; `given` are the options that the user sets."""
        return NoOptions

    @abstractmethod
    def export(self, dataset: Path, options: Any) -> Export:
        """Return the settings for a dataset; `options` is an instance of the options' model.

        Raises ConfigError for a dataset that the trainer cannot read, DataError for a damaged one.
        """


class State(StrEnum):
    """`absent` is a component that is optional and not installed; `broken` fails when used."""

    OK = "ok"
    ABSENT = "absent"
    BROKEN = "broken"


@dataclass(frozen=True)
class Item:
    """One component that `penstock doctor` looks at: its version or what is wrong, and the fix."""

    area: str
    name: str
    state: State
    value: str
    fix: str | None = None


@dataclass(frozen=True)
class TrainerConfig:
    """A trainer's own configuration file.

    `dataset` is the dataset that it reads, None if there is no such directory.
    """

    file: Path
    dataset: Path | None


@dataclass(frozen=True)
class CheckedConfig:
    """What a configuration file uses of a dataset.

    `parts` are the names of the parts that it trains and evaluates on; `compare` are pairs of files
    (trained on, evaluated on) that must not share rows and that the dataset's own check has not
    compared.
    """

    parts: Sequence[str] = ()
    compare: Sequence[tuple[Any, Any]] = ()


class ConfigChecker(ABC):
    """Findings of `penstock check` about a trainer's configuration files and what it would drop.

    The checker of the dataset format calls it: `contents` is what that checker has read.
    """

    #: The format of the datasets that the trainer reads.
    format: ClassVar[str]

    @abstractmethod
    def find(self, path: Path) -> Sequence[TrainerConfig]:
        """Return the configuration in a file, or those in or beside a dataset that read it."""

    @abstractmethod
    def check(self, config: TrainerConfig, contents: Any, collector: Collector) -> CheckedConfig:
        """Report what is wrong with a configuration, by itself and together with its dataset."""

    @abstractmethod
    def report_used_rows(self, contents: Any, collector: Collector) -> None:
        """Report how many rows of each split of a dataset the trainer would use."""


@dataclass(frozen=True)
class Trainer:
    """One program that trains, and what penstock can do with it; None is what it cannot.

    A module or package of `penstock.trainers` holds one as `TRAINER`: `runner` runs experiments,
    `exporter` writes settings, `install` creates the trainer's own environment and reports each
    step, `status` examines it for `penstock doctor`, `config_checker` adds to `penstock check`.
    """

    name: str
    runner: Runner | None = None
    exporter: Exporter | None = None
    install: Callable[[Callable[[str], None]], None] | None = None
    status: Callable[[], Iterable[Item]] | None = None
    config_checker: ConfigChecker | None = None
