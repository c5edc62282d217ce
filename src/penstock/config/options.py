"""What every group of settings in YAML is: values fixed once read, and no key that is not known."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Base of the settings of a source, a step, a format, ..."""

    model_config = ConfigDict(extra="forbid", frozen=True)
