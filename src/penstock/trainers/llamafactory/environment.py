"""The virtual environment that LLaMA-Factory lives in: where it is, and what is in it.

Its pins exclude penstock's own (transformers, datasets), so that it has an environment of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock.errors import ConfigError
from penstock.redaction import redact_text

#: Names the environment; else it is looked for in its usual place, and then on the PATH.
VARIABLE = "LLAMAFACTORY_VENV"
INSTALL = "penstock doctor --install llamafactory"
_CLI = "llamafactory-cli"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_PIN = "llamafactory=="
#: The interpreter in a command that pip made: its first line, or after one of the shell where the
#: path is too long for that or has spaces.
_INTERPRETER = re.compile(r"""#!(?:/bin/sh\n'''exec' )?"?([^"\n]*/python[\d.]*)"?\s""")

#: What every run of LLaMA-Factory imports before anything else can go wrong; transformers imports
#: torchvision where it is there.
_FRAGILE = ("torchaudio", "torchvision")
#: Prints what the environment holds as JSON, after all else that imports may print.
_PROBE = """
import importlib, json, sys
from importlib.metadata import distributions, version
from importlib.util import find_spec

def trouble(name):
    try:
        importlib.import_module(name)
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]

wanted = ("llamafactory", "torch", "transformers", "peft", "trl", "datasets", "accelerate",
          "torchaudio", "torchvision")
there = {d.metadata["Name"] for d in distributions()}
import torch
tried = [name for name in sys.argv[1:] if name != "torchvision" or find_spec(name)]
print(json.dumps({
    "versions": {name: version(name) for name in wanted if name in there},
    "cuda_build": torch.version.cuda,
    "cuda_devices": torch.cuda.device_count(),
    "troubles": {name: found for name in tried if (found := trouble(name))},
}))
"""


@dataclass(frozen=True)
class Environment:
    """An environment with LLaMA-Factory: its two programs, and how it was found."""

    cli: Path
    found: str

    @property
    def python(self) -> Path:
        """The interpreter that runs the command: pip puts one beside it in environments alone."""
        found = _INTERPRETER.match(self.cli.read_text(encoding="utf-8", errors="replace"))
        return Path(found[1]) if found else self.cli.with_name("python")


@dataclass(frozen=True)
class Contents:
    """What an environment holds.

    `cuda_build` is the CUDA version of its torch, None for a CPU build; `troubles` says of each
    package that cannot be imported why.
    """

    versions: dict[str, str] = field(default_factory=dict)
    cuda_build: str | None = None
    cuda_devices: int = 0
    troubles: dict[str, str] = field(default_factory=dict)


def pinned_version() -> str:
    """Return the version of LLaMA-Factory that penstock was tested with, by its pin."""
    pins = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return next(pin.removeprefix(_PIN) for pin in pins if pin.startswith(_PIN))


def place_of_environment() -> Path:
    """Return where the environment is made, and looked for first.

    LLAMAFACTORY_VENV names the place; else it is penstock/llamafactory in the user's data
    directory, which XDG_DATA_HOME moves.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "penstock" / "llamafactory"


def find_environment() -> Environment | None:
    """Return the environment of LLaMA-Factory, None where there is none.

    Raises ConfigError where LLAMAFACTORY_VENV names a directory that is none.
    """
    named = os.environ.get(VARIABLE)
    cli = place_of_environment() / "bin" / _CLI
    if cli.is_file():
        return Environment(cli, f"by {VARIABLE}" if named else "in its usual place")
    if named:
        raise ConfigError(f"{VARIABLE}={named}: there is no bin/{_CLI} in it; {INSTALL}")
    on_path = shutil.which(_CLI)
    return Environment(Path(on_path), "on the PATH") if on_path else None


def require_environment() -> Environment:
    """Return the environment of LLaMA-Factory; raises ConfigError, with the mend, for none."""
    environment = find_environment()
    if environment is None:
        raise ConfigError(
            f"LLaMA-Factory is not here: run `{INSTALL}`, or let {VARIABLE} name the virtual "
            "environment that has it"
        )
    return environment


def look_into(environment: Environment, imports: Sequence[str] = ()) -> Contents:
    """Return what an environment holds, by asking its own interpreter; takes some seconds.

    torchaudio, torchvision where it is there, and `imports` besides are tried. Raises ConfigError
    where the interpreter cannot say.
    """
    try:
        asked = subprocess.run(
            # -P: what lies in the working directory is none of its packages.
            [environment.python, "-P", "-c", _PROBE, *_FRAGILE, *imports],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    except OSError as error:
        message = f"cannot be started: {error.strerror}; {INSTALL}"
        raise ConfigError(message, file=environment.python) from None
    if asked.returncode:
        last = (asked.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ConfigError(f"is broken ({redact_text(last)}); {INSTALL}", file=environment.python)
    return Contents(**json.loads(asked.stdout.splitlines()[-1]))
