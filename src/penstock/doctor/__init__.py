"""What is on this machine of what penstock can use, what is wrong with it, and the mend."""

from __future__ import annotations

from penstock.doctor._base import Examination, Item, State
from penstock.doctor._devices import devices
from penstock.doctor._llamafactory import llamafactory
from penstock.doctor._packages import packages

__all__ = ["Examination", "Item", "State", "examine"]


def examine() -> Examination:
    """Look at Python, penstock and its extras, the GPUs, and LLaMA-Factory's environment.

    Nothing is changed. It takes some seconds where LLaMA-Factory is there: it is imported, in its
    own environment.
    """
    return Examination([*packages(), *devices(), *llamafactory()])
