"""Tasks that another package registers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODULE = """
from penstock.tasks import Integer, Label, LabelWordTask, Text


class Weather(LabelWordTask):
    name = "weather"
    directory = "Weather"
    prefix = "weather"
    fields = {"report": Text(), "idx": Integer(), "label": Label("dry", "wet")}
    text_fields = ("report",)
    label_words = ("Dry", "Wet")

    def prompt(self, row):
        return row["report"] + " "


TASK = Weather()
"""
PROGRAM = """
import sys
from pathlib import Path
from penstock import check
from penstock.tasks import TASKS
print("weather_tasks" in sys.modules)
print("weather" in TASKS.names(), "weather_tasks" in sys.modules)
print(TASKS.get("weather").label_words)
(dataset,) = check(Path(sys.argv[1])).datasets
print(dataset.format, dataset.rows, [finding.code for finding in dataset.findings])
"""


UNKNOWN_KIND = """
from penstock.tasks import TaskBase


class UnknownKind(TaskBase):
    name = "weather"
    directory = "Weather"


TASK = UnknownKind()
"""
EXPERIMENT = """
experiment: {purpose: p}
model: some-org/some-model
task: weather
method: zo
data: {path: Weather}
hyperparameters: {learning_rate: 1e-6}
"""


def install(site: Path, module: str = MODULE) -> None:
    """Write an installed distribution."""
    site.mkdir()
    (site / "weather_tasks.py").write_text(module)
    info = site / "weather_tasks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weather-tasks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[penstock.tasks]\nweather = weather_tasks:TASK\n")
    (info / "RECORD").write_text("weather_tasks.py,,\n")


def test_an_installed_task_is_registered_and_checked(tmp_path: Path) -> None:
    install(tmp_path / "site")
    data = tmp_path / "Weather"
    data.mkdir()
    (data / "weather_train.jsonl").write_text('{"report": "Rain.", "idx": 0, "label": 1}\n')
    (data / "weather_validation.jsonl").write_text('{"report": "Sun.", "idx": 0, "label": 7}\n')
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, data],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == [
        "False",
        "True False",
        "('Dry', 'Wet')",
        "task_jsonl 2 ['label-range']",
    ]


def test_a_task_that_nothing_can_train_on_is_refused_by_an_experiment(tmp_path: Path) -> None:
    install(tmp_path / "site", UNKNOWN_KIND)
    (tmp_path / "e.yaml").write_text(EXPERIMENT)
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "train", "e.yaml", "--dry-run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "e.yaml:4:" in done.stderr
    assert "task: the task 'weather' is neither a Task nor a ChatTask" in done.stderr
