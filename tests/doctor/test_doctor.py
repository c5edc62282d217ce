"""`penstock doctor`: what is installed, what is broken, and the fix."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from helpers.command import penstock
from helpers.llamafactory_world import stub_environment

MISSING_OPERATOR = "RuntimeError: operator torchvision::nms does not exist"


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The variables of a machine without LLaMA-Factory and without a GPU."""
    return {"XDG_DATA_HOME": str(tmp_path), "LLAMAFACTORY_VENV": "", "PATH": "/usr/bin:/bin"}


def examined(cwd: Path, environment: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Return the exit status, and the items by area and name."""
    done = penstock("doctor", "--format", "json", cwd=cwd, environment=environment)
    items = json.loads(done.stdout)["items"]
    return done.returncode, {f"{item['area']} {item['name']}": item for item in items}


def test_absent_components_are_no_error(tmp_path: Path, machine: dict[str, str]) -> None:
    status, items = examined(tmp_path, machine)
    assert status == 0
    assert items["penstock penstock"]["state"] == "ok"
    assert items["extras train"]["value"].startswith("torch ")
    assert items["llamafactory environment"] == {
        "area": "llamafactory",
        "name": "environment",
        "state": "absent",
        "value": "not installed",
        "fix": "penstock doctor --install llamafactory",
    }


def test_a_working_environment_shows_its_versions(tmp_path: Path, machine: dict[str, str]) -> None:
    home = stub_environment(tmp_path / "e")
    status, items = examined(tmp_path, machine | {"LLAMAFACTORY_VENV": str(home)})
    assert status == 0
    assert items["llamafactory environment"]["value"] == f"{home} (by LLAMAFACTORY_VENV)"
    assert items["llamafactory llamafactory"]["value"] == "0.9.5"


def test_an_untested_version_is_reported(tmp_path: Path, machine: dict[str, str]) -> None:
    home = stub_environment(tmp_path / "e", versions={"llamafactory": "0.9.4"})
    _, items = examined(tmp_path, machine | {"LLAMAFACTORY_VENV": str(home)})
    assert items["llamafactory llamafactory"]["value"] == "0.9.4; 0.9.5 is tested"


def test_a_known_import_error_has_its_fix(tmp_path: Path, machine: dict[str, str]) -> None:
    home = stub_environment(tmp_path / "e", import_errors={"torchvision": MISSING_OPERATOR})
    status, items = examined(tmp_path, machine | {"LLAMAFACTORY_VENV": str(home)})
    assert status == 1
    trap = items["llamafactory torchvision"]
    assert (trap["state"], trap["value"]) == ("broken", MISSING_OPERATOR)
    assert trap["fix"].endswith(f"{home}/bin/python -m pip uninstall torchvision")


def test_a_cpu_build_beside_a_gpu_is_broken(tmp_path: Path, machine: dict[str, str]) -> None:
    home = stub_environment(tmp_path / "e")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho '0, NVIDIA H200, 143771 MiB, 9.0'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    path = {"LLAMAFACTORY_VENV": str(home), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    status, items = examined(tmp_path, machine | path)
    assert status == 1
    assert items["devices cuda:0"]["value"] == "NVIDIA H200, 140 GiB, bfloat16"
    assert items["llamafactory gpu"]["value"] == "its torch is a CPU build and sees no GPU"


def test_a_hidden_gpu_is_no_error(tmp_path: Path, machine: dict[str, str]) -> None:
    home = stub_environment(tmp_path / "e")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho '0, Tesla K80, 11441 MiB, [N/A]'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    path = {"LLAMAFACTORY_VENV": str(home), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    status, items = examined(tmp_path, machine | path | {"CUDA_VISIBLE_DEVICES": ""})
    assert status == 0
    assert items["devices cuda:0"]["value"] == "Tesla K80, 11 GiB, bfloat16 unknown"
    hidden = "hidden by CUDA_VISIBLE_DEVICES; runs use the CPU"
    assert items["devices gpu"]["value"] == hidden


def test_a_variable_without_an_environment_is_broken(
    tmp_path: Path, machine: dict[str, str]
) -> None:
    status, items = examined(tmp_path, machine | {"LLAMAFACTORY_VENV": str(tmp_path / "absent")})
    assert status == 1
    assert items["llamafactory environment"]["value"].endswith("it has no bin/llamafactory-cli")
    assert items["llamafactory environment"]["fix"] == "penstock doctor --install llamafactory"


def test_the_fix_is_printed_below_the_broken_component(
    tmp_path: Path, machine: dict[str, str]
) -> None:
    home = stub_environment(tmp_path / "e", import_errors={"torchvision": MISSING_OPERATOR})
    done = penstock("doctor", cwd=tmp_path, environment=machine | {"LLAMAFACTORY_VENV": str(home)})
    lines = done.stdout.splitlines()
    broken = next(number for number, line in enumerate(lines) if "broken torchvision" in line)
    assert "pip uninstall torchvision" in lines[broken + 1]


def test_csv_has_one_row_per_item(tmp_path: Path, machine: dict[str, str]) -> None:
    done = penstock("doctor", "--format", "csv", cwd=tmp_path, environment=machine)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert list(rows[0]) == ["area", "name", "state", "value", "fix"]
    assert rows[0]["name"] == "python"
