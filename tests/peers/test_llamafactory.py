"""A real `llamafactory-cli train` on the CPU, with penstock's YAML and in experiments."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from helpers.command import penstock
from helpers.llamafactory_world import write_chat, write_tiny_llama
from penstock.config import dump_yaml
from penstock.errors import ConfigError
from penstock.runs import find_runs
from penstock.trainers.llamafactory.environment import Environment, inspect
from penstock.trainers.llamafactory.metrics import OutputParser
from penstock.trainers.llamafactory.models import template_of

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

#: Nothing is downloaded, and processes do not compete for threads.
ALONE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "LLAMAFACTORY_VERBOSITY": "INFO"}
#: Two epochs of six steps, with an evaluation after every fourth.
SMALL: dict[str, Any] = {
    "template": "llama3",
    "epochs": 2,
    "batch_size": 2,
    "gradient_accumulation": 2,
    "eval_steps": 4,
    "logging_steps": 2,
    "max_length": 256,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("tiny") / "model")


def run(
    llamafactory: Environment, *arguments: str | Path, cwd: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [llamafactory.cli, *arguments],
        cwd=cwd,
        env={**os.environ, **ALONE, "HF_DATASETS_CACHE": str(cwd / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_exported_yaml_trains_on_every_row_and_uses_the_evaluation_set(
    llamafactory: Environment, model: Path, tmp_path: Path
) -> None:
    data = write_chat(tmp_path / "lamps")
    options = [f"{key}={value}" for key, value in SMALL.items()]
    exported = penstock(
        *("export", "llamafactory", data, *options, "output_dir=trained"),
        *("--model", model, "--output", "train.yaml", "--quiet"),
        cwd=tmp_path,
    )
    assert exported.returncode == 0, exported.stderr
    done = run(llamafactory, "train", "train.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    parser = OutputParser({}, stop=threading.Event())
    for stream, said in (("out", done.stdout), ("err", done.stderr)):
        for line in said.splitlines(keepends=True):
            parser.parse(stream, line)
    assert parser.example_counts == {"training": 24, "evaluation": 7}
    assert not parser.warnings
    lines = (tmp_path / "trained" / "trainer_log.jsonl").read_text().splitlines()
    evaluated = [line["current_steps"] for line in map(json.loads, lines) if "eval_loss" in line]
    assert evaluated == [4, 8, 12]
    assert (tmp_path / "trained" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("method", "more", "left"),
    [
        ("fo_lora", {}, "adapter_model.safetensors"),
        ("fo_lora", {"packing": True}, "adapter_model.safetensors"),
        ("fo_full", {}, "model.safetensors"),
    ],
    ids=["fo_lora", "packing", "fo_full"],
)
def test_an_experiment_runs_to_a_result(
    llamafactory: Environment,
    model: Path,
    tmp_path: Path,
    method: str,
    more: dict[str, Any],
    left: str,
) -> None:
    write_chat(tmp_path / "lamps")
    experiment = {
        "experiment": {"purpose": "lamps"},
        "model": str(model),
        "task": "chat",
        "trainer": "llamafactory",
        "method": method,
        "data": {"path": "lamps"},
        "hyperparameters": SMALL | more,
        "cuda_devices": "cpu",
    }
    (tmp_path / "lamps.yaml").write_text(dump_yaml(experiment))
    home = {"LLAMAFACTORY_VENV": str(llamafactory.cli.parent.parent)}
    done = penstock("train", "lamps.yaml", cwd=tmp_path, environment=ALONE | home)
    (directory,) = find_runs(tmp_path / "Results")
    record = directory.read()
    assert done.returncode == 0, (done.stderr, record.failure)
    result = record.result
    assert result is not None
    assert (result.train_rows, result.dev_rows, result.evaluation_rows) == (24, 7, 5)
    assert result.evaluation_split == "test"
    metrics = directory.metrics()
    assert [line["step"] for line in metrics if "loss" in line][-1] == result.steps
    dev = {line["step"]: line["dev_loss"] for line in metrics if "dev_loss" in line}
    assert result.dev_score == pytest.approx(min(dev.values()))
    assert dev[result.best_step] == min(dev.values())
    assert record.environment["llamafactory"] == "0.9.5"
    assert (directory.path / "trainer" / left).is_file()
    assert "Paraphrase this" not in directory.log_file(record.config, "out").read_text()


def test_the_installed_environment_has_no_import_errors(llamafactory: Environment) -> None:
    contents = inspect(llamafactory, ["llamafactory.train.tuner"])
    assert contents.import_errors == {}
    assert "torchvision" not in contents.versions


def test_templates_by_name_are_llamafactorys(llamafactory: Environment) -> None:
    code = (
        "import json\nfrom llamafactory.extras.constants import *\n"
        "print(json.dumps({path: DEFAULT_TEMPLATE[name] for name, paths in SUPPORTED_MODELS.items()"
        " if name in DEFAULT_TEMPLATE for path in paths.values()}))"
    )
    asked = subprocess.run(
        [llamafactory.python, "-P", "-c", code],
        env={**os.environ, **ALONE},
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(asked.stdout.splitlines()[-1])
    ours = {}
    for model in theirs:
        try:
            ours[model] = template_of(model)
        except ConfigError:
            continue
    assert {model: theirs[model] for model in ours} == ours
    assert {"llama3", "qwen", "qwen3", "gemma2", "mistral"} <= set(ours.values())
