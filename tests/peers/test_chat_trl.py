"""TRL's SFTTrainer has the same losses and gradients on the same conversations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.training.chat.template import ChatTemplate

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from helpers.chat_data import MARKED, chat_rows, conversations  # noqa: E402
from helpers.chat_entries import write_chat  # noqa: E402
from helpers.training_runs import make_run, trainer_of  # noqa: E402

ROWS, STEPS, RATE = 24, 6, 1e-3


@pytest.fixture
def ours(tmp_path: Path, tiny_model: Path) -> Any:
    """A training loop with its rows in file order."""
    data = write_chat(
        tmp_path / "chat", x_train=conversations(ROWS), x_eval=conversations(4, first=50)
    )
    values = {"batch_size": 2, "gradient_accumulation": 2, "packing": True, "max_length": 128}
    values |= {"chat_template": MARKED, "dev_samples": None, "learning_rate": RATE}
    return trainer_of(make_run(tmp_path, tiny_model, "chat", "fo_full", data, **values))


def losses_of_trl(tiny_model: Path, out: Path) -> list[dict[str, Any]]:
    """Return what TRL logs per step: padded batches of 2, accumulated twice, in file order."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    rows = [{"messages": [m._asdict() for m in row.messages]} for row in chat_rows(ROWS)]
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = MARKED
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(rows),
        args=SFTConfig(
            str(out),
            assistant_only_loss=True,
            per_device_train_batch_size=2,
            gradient_accumulation_steps=2,
            max_steps=STEPS,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            train_sampling_strategy="sequential",
            bf16=False,
            gradient_checkpointing=False,
            logging_steps=1,
            report_to="none",
            save_strategy="no",
            use_cpu=True,
        ),
    )
    trainer.train()
    return [line for line in trainer.state.log_history if "grad_norm" in line]


@pytest.mark.slow
def test_steps_have_the_losses_and_gradients_of_trl(
    ours: Any, tiny_model: Path, tmp_path: Path
) -> None:
    expected = losses_of_trl(tiny_model, tmp_path / "trl")
    rows = ours.data.train
    assert [row.number for row in rows] == list(range(1, ROWS + 1))
    found = [
        ours.step(rows[4 * step : 4 * step + 4], RATE, step + 1, measure=True)
        for step in range(STEPS)
    ]
    for name in ("loss", "grad_norm"):
        values = [line[name] for line in found]
        assert values == pytest.approx([line[name] for line in expected], rel=1e-3)
    assert found[-1]["loss"] < found[0]["loss"]


def test_trl_marks_the_same_tokens(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows = chat_rows(12)
    for row, chat in zip(rows, ChatTemplate(tokenizer, MARKED).encode(rows), strict=True):
        found = tokenizer.apply_chat_template(
            [message._asdict() for message in row.messages],
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        assert found["input_ids"] == chat.ids.tolist()
        assert found["assistant_masks"] == chat.trained.astype(int).tolist()
