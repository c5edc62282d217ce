"""LLaMA-Factory's environment: where it is, its versions, and the traps that are known."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.doctor._base import Item, State
from penstock.doctor._devices import sees_gpu
from penstock.errors import ConfigError
from penstock.trainers.llamafactory.environment import (
    INSTALL,
    Contents,
    Environment,
    find_environment,
    look_into,
    pinned_version,
)

_AREA = "llamafactory"
#: All that `llamafactory-cli train` imports.
_TRAINER = "llamafactory.train.tuner"


def llamafactory() -> Iterator[Item]:
    """Yield the environment, its packages, and what keeps it from training."""
    try:
        environment = find_environment()
        if environment is None:
            yield Item(_AREA, "environment", State.ABSENT, "not here", INSTALL)
            return
        contents = look_into(environment, imports=[_TRAINER])
    except ConfigError as error:
        yield Item(
            _AREA, "environment", State.BROKEN, str(error).removesuffix(f"; {INSTALL}"), INSTALL
        )
        return
    place = f"{environment.cli.parent.parent} ({environment.found})"
    yield Item(_AREA, "environment", State.OK, place)
    tested = pinned_version()
    for name, known in contents.versions.items():
        told = f"{known}; {tested} was tested" * (name == "llamafactory" and known != tested)
        yield Item(_AREA, name, State.OK, told or known)
    yield from _traps(environment, contents)


def _traps(environment: Environment, contents: Contents) -> Iterator[Item]:
    pip = f"{environment.python} -m pip"
    mends = {
        "torchvision": f"text needs none of it: {pip} uninstall torchvision",
        "torchaudio": "LLaMA-Factory imports it whatever it trains on, and this one was built for "
        f"another torch: {INSTALL} makes an environment in which it can be imported",
    }
    for module, trouble in contents.troubles.items():
        mend = mends.get(module, f"{pip} check tells what does not fit; {INSTALL} makes a new one")
        yield Item(_AREA, module, State.BROKEN, trouble, mend)
    if sees_gpu() and not contents.cuda_devices:
        build = f"built for CUDA {contents.cuda_build}" if contents.cuda_build else "a CPU build"
        mend = f"{pip} install --force-reinstall torch, of a build that the driver takes"
        yield Item(_AREA, "gpu", State.BROKEN, f"its torch is {build} and sees no GPU", mend)
