"""What every group of settings in YAML is: values fixed once read, and no key that is not known."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def _is_a_file_name(name: str) -> str:
    if not re.fullmatch(r"[^/\\\0]+", name) or name in (".", ".."):
        raise ValueError("names a file or a directory: no slash, not empty")
    return name


#: Text that becomes a name on disk.
FileName = Annotated[str, AfterValidator(_is_a_file_name)]


class Options(BaseModel):
    """Base of the settings of a source, a step, a format, ..."""

    model_config = ConfigDict(extra="forbid", frozen=True)
