"""`penstock demo`: migrate, check, train, compare and report on generated data."""

from __future__ import annotations

from pathlib import Path

from penstock.demo.corpus import DEV_ROWS, pretraining_sentences, write_old_project

__all__ = ["COMMANDS", "PURPOSE", "write_demo"]

PURPOSE = "demo"

#: The commands of the demo, run in its directory; each follows `penstock`.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("migrate", "old/original", "data/original"),
    ("migrate", "old/0_data", "data/synthetic", "--pick", "Copa=mezo_gpt/latest"),
    ("check", "data/synthetic/Copa", "--against", "data/original"),
    ("train", "experiment.yaml"),
    ("compare", "--purpose", PURPOSE),
    ("report", "report.html", "--purpose", PURPOSE),
)  # fmt: skip

_EXPERIMENT = f"""\
# Every list is a dimension of the grid: three methods with two learning rates each.
experiment:
  purpose: {PURPOSE}
  description: Three training methods on a tiny model

model: model
task: Copa
method:
  zo:
    learning_rate: [1e-4, 3e-4]
    steps: 1200
    eval_steps: 100
  fo_full:
    learning_rate: [3e-4, 1e-3]
  fo_lora:
    learning_rate: [3e-3, 1e-2]
    lora_rank: 8

data:
  original: data/original/Copa
  synthetic: data/synthetic/Copa
  mix: synthetic

hyperparameters:
  batch_size: 16
  steps: 120
  seed: 0
  eval_steps: 20
  dev_samples: {DEV_ROWS}
  train_as_classification: true

continue_on_error: true
"""


def write_demo(directory: Path, seed: int = 0) -> None:
    """Write the old project, a tiny pretrained model and the experiment YAML to `directory`.

    Pretraining takes about ten seconds and needs the extra `train`.
    """
    from penstock.training.tiny_model import build_tiny_model

    write_old_project(directory / "old", seed)
    build_tiny_model(pretraining_sentences(seed), directory / "model", seed=seed)
    (directory / "experiment.yaml").write_text(_EXPERIMENT)
