"""Executors are found by name, and their settings are validated."""

from __future__ import annotations

import subprocess
import sys

import pytest

from penstock.errors import ConfigError, MissingExtraError
from penstock.executors import EXECUTORS, Executor, LocalExecutor, executor


def test_executors_are_found_by_name() -> None:
    assert EXECUTORS.names() == ["local", "ray", "slurm"]
    assert all(issubclass(EXECUTORS.get(name), Executor) for name in EXECUTORS.names())
    assert executor("local", 3) == LocalExecutor(workers=3)
    assert executor("local").workers is None


def test_settings_may_be_text() -> None:
    slurm = executor("slurm", 4, {"timeout_min": "30", "partition": "day"})
    assert slurm.model_dump(include={"workers", "timeout_min", "partition"}) == {
        "workers": 4,
        "timeout_min": 30,
        "partition": "day",
    }


@pytest.mark.parametrize(
    ("name", "workers", "options", "words"),
    [
        ("slrum", None, {}, "there is no executor 'slrum'; did you mean 'slurm'?"),
        ("local", 0, {}, "executor local: workers: must be greater than or equal to 1, not 0"),
        ("slurm", 1, {"partion": "x"}, "partion: unknown key; did you mean 'partition'?"),
        ("slurm", 1, {"mem_gb": "much"}, "mem_gb: must be a number, not 'much'"),
        ("slurm", 1, {"cluster": "ray"}, "cluster: must be 'slurm' or 'local', not 'ray'"),
        ("ray", 1, {"max_retries": -1}, "max_retries: must be greater than or equal to 0"),
    ],
)
def test_invalid_settings_are_refused(
    name: str, workers: int | None, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        executor(name, workers, options)
    assert words in str(caught.value)


@pytest.mark.parametrize(("name", "package"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as caught:
        list(executor(name).map(str, [1]))
    words = f"the executor {name} needs '{package}': pip install 'penstock[{name}]'"
    assert str(caught.value) == words


def test_no_executor_imports_its_package_before_use() -> None:
    code = (
        "import sys\nfrom penstock.executors import executor\n"
        "[executor(name, 2) for name in ('local', 'slurm', 'ray')]\n"
        "print({'ray', 'submitit', 'multiprocessing', 'numpy'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
