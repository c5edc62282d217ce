"""The source hub without the package `datasets`: its settings, and what to install."""

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


def test_the_error_for_a_missing_package_names_the_extra() -> None:
    run = subprocess.run([sys.executable, "-c", BLOCKED], check=True, capture_output=True)
    assert run.stdout.decode() == (
        "MissingExtraError the source hub needs 'datasets': pip install 'penstock[hub]'\n"
    )


@pytest.mark.parametrize("split", ["train[:10%]", "train+test", ""])
def test_a_slice_of_a_split_is_refused_with_a_hint(split: str) -> None:
    with pytest.raises(ValidationError, match="must be the name of one split; use the step"):
        make("hub", dataset="owner/name", split=split)


def test_a_missing_directory_is_not_looked_up_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such directory"):
        make("hub", dataset=str(tmp_path / "none")).inputs()


def test_a_recipe_cannot_contain_a_token() -> None:
    with pytest.raises(ValidationError, match="token"):
        make("hub", dataset="owner/name", token="hf_x")
