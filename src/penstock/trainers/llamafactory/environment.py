"""The virtual environment of LLaMA-Factory: its location, installation and contents.

LLaMA-Factory's pins exclude penstock's own (transformers, datasets), so it has its own environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from penstock.errors import ConfigError, PenstockError
from penstock.executors import visible_gpus
from penstock.files import write_atomic
from penstock.redaction import redact_text
from penstock.trainers._base import Item, State

#: Names the environment; otherwise it is in its default location, or on the PATH.
VARIABLE = "LLAMAFACTORY_VENV"
INSTALL = "penstock doctor --install llamafactory"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_CLI = "llamafactory-cli"
_PIN = "llamafactory=="
#: Marks an environment that penstock creates: empty at first, then the hash of the pins that it was
#: created from. The Makefile reads it.
_MARK = "penstock-requirements.sha256"
#: The interpreter of a command that pip has written: in its first line, or after one for the shell
#: if the path is too long for that or has spaces.
_INTERPRETER = re.compile(r"""#!(?:/bin/sh\n'''exec' )?"?([^"\n]*/python[\d.]*)"?\s""")

#: Packages that every run imports and that may not match torch; transformers imports torchvision if
#: it is installed.
_FRAGILE = ("torchaudio", "torchvision")
#: The module that imports everything that `llamafactory-cli train` needs.
_TRAINER_MODULE = "llamafactory.train.tuner"
#: Prints the contents of the environment as JSON, in the last line of the output.
_PROBE = """
import importlib, json, sys
from importlib.metadata import distributions, version
from importlib.util import find_spec

def import_error(name):
    try:
        importlib.import_module(name)
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]

wanted = ("llamafactory", "torch", "transformers", "peft", "trl", "datasets", "accelerate",
          "torchaudio", "torchvision")
installed = {d.metadata["Name"] for d in distributions()}
import torch
tried = [name for name in sys.argv[1:] if name != "torchvision" or find_spec(name)]
print(json.dumps({
    "versions": {name: version(name) for name in wanted if name in installed},
    "cuda_build": torch.version.cuda,
    "cuda_devices": torch.cuda.device_count(),
    "import_errors": {name: found for name in tried if (found := import_error(name))},
}))
"""
_MAX_PIP_LINES = 5


@dataclass(frozen=True)
class Environment:
    """An environment with LLaMA-Factory: its command, and how it was found."""

    cli: Path
    found: str

    @property
    def python(self) -> Path:
        """The interpreter that runs the command; it need not be in the command's directory."""
        found = _INTERPRETER.match(self.cli.read_text(encoding="utf-8", errors="replace"))
        return Path(found[1]) if found else self.cli.with_name("python")


@dataclass(frozen=True)
class Contents:
    """The contents of an environment.

    `cuda_build` is the CUDA version of its torch, None for a CPU build; `import_errors` has the
    error of each package that cannot be imported.
    """

    versions: dict[str, str] = field(default_factory=dict)
    cuda_build: str | None = None
    cuda_devices: int = 0
    import_errors: dict[str, str] = field(default_factory=dict)


def pinned_version() -> str:
    """Return the version of LLaMA-Factory that penstock is tested with."""
    pins = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return next(pin.removeprefix(_PIN) for pin in pins if pin.startswith(_PIN))


def requirements_hash() -> str:
    """Return the SHA-256 (hex) of the pins: equal for equal environments."""
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


def environment_path() -> Path:
    """Return where the environment is installed, and looked for first.

    It is LLAMAFACTORY_VENV, or penstock/llamafactory in the user's data directory (XDG_DATA_HOME).
    """
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "penstock" / "llamafactory"


def find_environment() -> Environment | None:
    """Return the environment of LLaMA-Factory, None if there is none.

    Raises ConfigError if LLAMAFACTORY_VENV names a directory without LLaMA-Factory.
    """
    named = os.environ.get(VARIABLE)
    cli = environment_path() / "bin" / _CLI
    if cli.is_file():
        return Environment(cli, f"by {VARIABLE}" if named else "in the default location")
    if named:
        raise ConfigError(f"{VARIABLE}={named}: it has no bin/{_CLI}; {INSTALL}")
    on_path = shutil.which(_CLI)
    return Environment(Path(on_path), "on the PATH") if on_path else None


def require_environment() -> Environment:
    """Return the environment of LLaMA-Factory; raises ConfigError, with the fix, if none."""
    environment = find_environment()
    if environment is None:
        raise ConfigError(
            f"LLaMA-Factory is not installed: run `{INSTALL}`, or set {VARIABLE} to the virtual "
            "environment that has it"
        )
    return environment


def inspect(environment: Environment, imports: Sequence[str] = ()) -> Contents:
    """Return the contents of an environment by running its interpreter; takes some seconds.

    It imports torchaudio, torchvision if installed, and `imports`. Raises ConfigError if the
    interpreter fails.
    """
    try:
        done = subprocess.run(
            # -P: do not import from the working directory.
            [environment.python, "-P", "-c", _PROBE, *_FRAGILE, *imports],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    except OSError as error:
        message = f"cannot be started: {error.strerror}; {INSTALL}"
        raise ConfigError(message, file=environment.python) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no error was printed"])[-1]
        raise ConfigError(f"is broken ({redact_text(last)}); {INSTALL}", file=environment.python)
    return Contents(**json.loads(done.stdout.splitlines()[-1]))


def install(on_progress: Callable[[str], None]) -> None:
    """Create the environment in its default location, unless it is complete."""
    create_environment(environment_path(), on_progress)


def create_environment(
    path: Path, on_progress: Callable[[str], None] = lambda line: None
) -> Environment:
    """Create the environment in a directory, unless it is there with the same pins.

    pip's own settings decide where packages come from. An incomplete environment, or one of other
    pins, is created again. Raises PenstockError, with pip's message, if pip fails, and for a
    directory that penstock did not create.
    """
    path = path.expanduser().absolute()
    environment = Environment(path / "bin" / _CLI, "just installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = path / _MARK
    with FileLock(path.with_name(f".{path.name}.lock")):
        if mark.is_file() and mark.read_text(encoding="utf-8") == requirements_hash():
            return environment
        if path.exists() and any(path.iterdir()) and not mark.is_file():
            raise PenstockError(
                f"{path}: has content that penstock did not create; name a new directory with "
                f"{VARIABLE}"
            )
        shutil.rmtree(path, ignore_errors=True)
        on_progress(f"creating {path} ...")
        path.mkdir()
        mark.touch()
        _run([sys.executable, "-m", "venv", str(path)])
        on_progress("installing torch and its dependencies ...")
        pip = [str(path / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
        # First and pinned: otherwise pip would choose another build, with gigabytes of libraries.
        _run([*pip, "--constraint", str(REQUIREMENTS), "torch"])
        on_progress("installing LLaMA-Factory and its dependencies ...")
        # --no-deps: LLaMA-Factory depends on torchvision and a web interface.
        _run([*pip, "--no-deps", "--requirement", str(REQUIREMENTS)])
        # LLaMA-Factory always imports torchaudio but uses it only for audio. A build for a GPU that
        # torch lacks can be imported without its compiled part.
        if "torchaudio" in inspect(environment).import_errors:
            for library in path.glob("lib/python*/site-packages/torchaudio/lib/*.so"):
                library.unlink()
        write_atomic(mark, requirements_hash())
    return environment


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_MAX_PIP_LINES:]
        message = redact_text("\n".join(lines))
        raise PenstockError(f"{' '.join(command[:4])} ... failed:\n{message}")


def status() -> Iterator[Item]:
    """Yield the environment, its packages, and what prevents training, for `penstock doctor`."""

    def item(name: str, state: State, value: str, fix: str | None = None) -> Item:
        return Item("llamafactory", name, state, value, fix)

    try:
        environment = find_environment()
        if environment is None:
            yield item("environment", State.ABSENT, "not installed", INSTALL)
            return
        contents = inspect(environment, imports=[_TRAINER_MODULE])
    except ConfigError as error:
        problem = str(error).removesuffix(f"; {INSTALL}")
        yield item("environment", State.BROKEN, problem, INSTALL)
        return
    location = f"{environment.cli.parent.parent} ({environment.found})"
    yield item("environment", State.OK, location)
    for name, version in contents.versions.items():
        is_tested = name != "llamafactory" or version == pinned_version()
        value = version if is_tested else f"{version}; {pinned_version()} is tested"
        yield item(name, State.OK, value)
    pip = f"{environment.python} -m pip"
    fixes = {
        "torchvision": f"text does not need it: {pip} uninstall torchvision",
        "torchaudio": "LLaMA-Factory always imports it, and this one was built for another torch: "
        f"{INSTALL} creates an environment in which it can be imported",
    }
    for module, message in contents.import_errors.items():
        fix = fixes.get(module, f"{pip} check lists conflicts; {INSTALL} creates a new environment")
        yield item(module, State.BROKEN, message, fix)
    if not contents.cuda_devices and _sees_gpu():
        build = f"built for CUDA {contents.cuda_build}" if contents.cuda_build else "a CPU build"
        fix = f"{pip} install --force-reinstall torch, of a build that the driver supports"
        yield item("gpu", State.BROKEN, f"its torch is {build} and sees no GPU", fix)


def _sees_gpu() -> bool:
    try:
        return bool(visible_gpus())
    except ConfigError:  # the driver is broken, which the doctor's devices show
        return False
