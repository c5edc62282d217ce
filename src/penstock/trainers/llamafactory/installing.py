"""Make the virtual environment of LLaMA-Factory, from one file of pins."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from penstock.errors import PenstockError
from penstock.files import write_atomic
from penstock.redaction import redact_text
from penstock.trainers.llamafactory.environment import (
    REQUIREMENTS,
    VARIABLE,
    Environment,
    look_into,
)

#: Empty from the beginning, so that nothing is removed that others made; at last it holds the hash
#: of the pins that the environment was made from. The Makefile looks for it.
_MARK = "penstock-requirements.sha256"
_SHOWN_LINES = 5


def requirements_hash() -> str:
    """Return the hash of the pins, 64 hexadecimal digits: equal for equal environments."""
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


def install(place: Path, say: Callable[[str], None] = lambda line: None) -> Environment:
    """Make the environment in the directory `place`, unless it is there as the pins have it.

    pip's own settings decide where packages come from. One that was left unfinished, or that other
    pins made, is made again. Raises PenstockError, with pip's words, where pip cannot, and for a
    directory that holds something else.
    """
    place = place.expanduser().absolute()
    environment = Environment(place / "bin" / "llamafactory-cli", "just made")
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_name(f".{place.name}.lock")):
        if _is_made(place):
            return environment
        _clear(place)
        say(f"making {place} ...")
        place.mkdir()
        (place / _MARK).touch()
        _run([sys.executable, "-m", "venv", str(place)])
        say("torch, with what its build needs ...")
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
        # Constrained and first: unpinned, pip would take another build and gigabytes with it.
        _run([*pip, "--constraint", str(REQUIREMENTS), "torch"])
        say("LLaMA-Factory and its packages ...")
        # Without their dependencies: LLaMA-Factory asks for torchvision and a web interface.
        _run([*pip, "--no-deps", "--requirement", str(REQUIREMENTS)])
        _mend_torchaudio(place, environment)
        write_atomic(place / _MARK, requirements_hash())
    return environment


def _is_made(place: Path) -> bool:
    mark = place / _MARK
    return mark.is_file() and mark.read_text(encoding="utf-8") == requirements_hash()


def _clear(place: Path) -> None:
    """Remove an environment that penstock made and that is not whole; refuse anything else."""
    if place.exists() and any(place.iterdir()) and not (place / _MARK).is_file():
        raise PenstockError(
            f"{place}: holds something that penstock did not make; name a new directory with "
            f"{VARIABLE}"
        )
    shutil.rmtree(place, ignore_errors=True)


def _mend_torchaudio(place: Path, environment: Environment) -> None:
    """Take the compiled part out of torchaudio where it was built for a GPU that torch has not.

    LLaMA-Factory imports torchaudio whatever it trains on, and reads audio alone with it.
    torchaudio does without its compiled part where that is absent.
    """
    if "torchaudio" in look_into(environment).troubles:
        for library in place.glob("lib/python*/site-packages/torchaudio/lib/*.so"):
            library.unlink()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_SHOWN_LINES:]
        words = redact_text("\n".join(said))
        raise PenstockError(f"{' '.join(command[:4])} ... failed:\n{words}")
