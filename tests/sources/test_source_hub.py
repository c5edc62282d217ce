"""The source hub, as far as it needs no `datasets`: its settings, and what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from helpers.source_rows import make
from penstock.errors import ConfigError

BLOCKED = """
import sys
sys.modules["datasets"] = None  # as where it is not installed
from penstock.sources import SOURCES
try:
    SOURCES.get("hub").model_validate({"dataset": "owner/name"}).inputs()
except Exception as error:
    print(type(error).__name__, error)
"""


def test_without_the_package_the_extra_is_named() -> None:
    said = subprocess.run([sys.executable, "-c", BLOCKED], check=True, capture_output=True)
    assert said.stdout.decode() == (
        "MissingExtraError the source hub needs 'datasets': pip install 'penstock[hub]'\n"
    )


@pytest.mark.parametrize("split", ["train[:10%]", "train+test", ""])
def test_a_part_of_a_split_is_refused_with_the_mend(split: str) -> None:
    with pytest.raises(ValidationError, match="must be the name of one split; use the step"):
        make("hub", dataset="owner/name", split=split)


def test_a_directory_that_is_not_there_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such directory"):
        make("hub", dataset=str(tmp_path / "none")).inputs()


def test_no_token_can_stand_in_a_recipe() -> None:
    with pytest.raises(ValidationError, match="token"):
        make("hub", dataset="owner/name", token="hf_x")
