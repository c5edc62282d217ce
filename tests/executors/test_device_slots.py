"""`cuda_devices` and `max_parallel` set how many runs execute at a time, and on which devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock.executors import Slot, device_slots

CORES = len(os.sched_getaffinity(0))


def names(cuda_devices: str | None, max_parallel: int | None = None) -> list[str]:
    return [slot.name for slot in device_slots(cuda_devices, max_parallel)]


@pytest.mark.parametrize(
    ("cuda_devices", "max_parallel", "expected"),
    [
        ("0,1", None, ["0", "1"]),
        (" 1 , 0 ,", None, ["1", "0"]),
        ("3", None, ["3"]),
        ("0,1,2", 2, ["0", "1"]),
        ("0,1", 8, ["0", "1"]),
        ("GPU-8932f937-d72c,MIG-41b36a", None, ["GPU-8932f937-d72c", "MIG-41b36a"]),
    ],
)
def test_each_gpu_is_a_slot_that_sees_only_that_gpu(
    cuda_devices: str, max_parallel: int | None, expected: list[str]
) -> None:
    assert device_slots(cuda_devices, max_parallel) == [
        Slot(f"cuda:{device}", {"CUDA_VISIBLE_DEVICES": device}) for device in expected
    ]


@pytest.mark.parametrize("cuda_devices", ["cpu", " cpu ", "", ","])
def test_without_a_gpu_each_core_is_a_slot(cuda_devices: str) -> None:
    slots = device_slots(cuda_devices, None)
    assert len(slots) == CORES
    assert slots[0] == Slot("cpu", {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"})


def test_cpu_slots_share_the_cores() -> None:
    (slot,) = device_slots("cpu", 1)
    assert slot.environment["OMP_NUM_THREADS"] == str(CORES)
    assert len(device_slots("cpu", 10_000)) == CORES


@pytest.mark.parametrize(
    ("cuda_devices", "message"),
    [
        ("0,0", "cuda_devices: '0,0' has a device twice"),
        ("0,1,0", "has a device twice"),
        ("cpu,0", "cuda_devices: 'cpu' is not a device; write GPU indices such as"),
        ("cuda:0", "'cuda:0' is not a device"),
        ("-1", "'-1' is not a device"),
        ("all", "'all' is not a device"),
    ],
)
def test_invalid_devices_are_refused(cuda_devices: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        device_slots(cuda_devices, None)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("visible", "expected"), [("2,5", ["cuda:2", "cuda:5"]), ("", None), ("-1", None)]
)
def test_visible_devices_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch, visible: str, expected: list[str] | None
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert names(None) == (expected or ["cpu"] * CORES)
    assert names("0") == ["cuda:0"]


def test_a_driver_that_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("penstock.executors._devices._DRIVER_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(ConfigError, match=r"driver did not respond .* set the device"):
        device_slots(None, None)


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("#!/bin/sh\necho 0\necho 1\n", ["cuda:0", "cuda:1"]),
        ("#!/bin/sh\necho no devices were found\nexit 6\n", None),
        (None, None),
    ],
    ids=["two GPUs", "a driver without a GPU", "no driver"],
)
def test_the_driver_is_queried_without_cuda_visible_devices(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, driver: str | None, expected: list[str] | None
) -> None:
    if driver is not None:
        (tmp_path / "nvidia-smi").write_text(driver)
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert names(None) == (expected or ["cpu"] * CORES)
