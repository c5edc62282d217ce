"""A run on chat rows: splits, scores, best weights, errors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import orjson
import pytest

from helpers.chat_data import conversations, turns
from helpers.chat_entries import PLAIN, Turns, write_chat
from helpers.training_runs import losses, make_run, start, train, trainer_of
from penstock.errors import ConfigError, DataError
from penstock.runs import RunData, RunDirectory, State
from penstock.training.loop import PREDICTIONS_NAME
from penstock.training.weights import rebuild_weights

LONG: Turns = [("user", "the lamp " * 60), ("assistant", "The room became bright.")]


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    """24 training, 6 validation and 5 test conversations."""
    return write_chat(
        tmp_path / "chat",
        x_train=conversations(24),
        x_eval=conversations(6, first=50),
        x_test=conversations(5, first=80),
    )


def run_of(
    tmp_path: Path, model: Path, data: Path | RunData, method: str = "fo_full", **values: Any
) -> RunDirectory:
    given = {"chat_template": PLAIN, "dev_samples": None, "train_samples": None} | values
    return make_run(tmp_path, model, "chat", method, data, **given)


@pytest.mark.parametrize("method", ["zo", "fo_full", "fo_lora"])
def test_every_method_lowers_the_loss_of_answers(
    tmp_path: Path, tiny_model: Path, chat: Path, method: str
) -> None:
    values = {"batch_size": 24, "steps": 100 if method == "zo" else 5, "packing": True}
    values["learning_rate"] = {"zo": 3e-4, "fo_full": 1e-3, "fo_lora": 1e-2}[method]
    result = train(run_of(tmp_path, tiny_model, chat, method, **values))
    assert result.last_loss < 0.98 * result.first_loss
    assert result.score < result.first_loss


def test_packing_does_not_change_a_run(tmp_path: Path, tiny_model: Path, chat: Path) -> None:
    runs = [
        run_of(tmp_path, tiny_model, chat, packing=packing, gradient_accumulation=2, eval_steps=2)
        for packing in (False, True)
    ]
    results = [train(run) for run in runs]
    assert losses(runs[1]) == pytest.approx(losses(runs[0]), rel=1e-4)
    assert results[1].scores == pytest.approx(results[0].scores, rel=1e-4)
    assert results[1].tokens == results[0].tokens


def test_the_result_has_loss_and_perplexity_of_the_test_split(
    tmp_path: Path, tiny_model: Path, chat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = run_of(tmp_path, tiny_model, chat)
    result = train(directory)
    assert (result.metric, result.evaluation_split, result.chance) == ("loss", "test", None)
    assert result.scores == {"loss": result.score, "perplexity": math.exp(result.score)}
    assert (result.train_rows, result.dev_rows, result.evaluation_rows) == (24, 6, 5)
    lines = map(orjson.loads, (directory.path / PREDICTIONS_NAME).read_bytes().splitlines())
    assert result.evaluation_tokens == sum(line["answer_tokens"] for line in lines)
    output = capsys.readouterr().out
    assert "choosing on 6 of 6 (validation), evaluating on 5 of 5 (test)" in output
    assert "Answers end with <|end|>" in output


def test_without_a_test_split_the_validation_split_is_evaluated(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_chat(tmp_path / "chat", x_train=conversations(9), x_dev=conversations(4, first=50))
    result = train(run_of(tmp_path, tiny_model, data))
    assert (result.evaluation_split, result.score) == ("validation", result.dev_score)
    assert "evaluating on 4 of 4 (validation)" in capsys.readouterr().out


def test_the_weights_of_the_lowest_dev_loss_are_evaluated(tmp_path: Path, tiny_model: Path) -> None:
    """The learning rate is so high that the run gets worse; dev and evaluation rows are equal."""
    data = write_chat(
        tmp_path / "chat", x_train=conversations(24), x_eval=conversations(6, first=50)
    )
    values = {"learning_rate": 5e-2, "steps": 5, "eval_steps": 1, "max_grad_norm": None}
    directory = run_of(tmp_path, tiny_model, data, **values)
    result = train(directory)
    dev_scores = {m["step"]: m["dev_score"] for m in directory.metrics() if "dev_score" in m}
    best = min(dev_scores, key=lambda step: (dev_scores[step], step))
    assert (result.best_step, result.dev_score) == (best, dev_scores[best])
    assert dev_scores[5] > dev_scores[best], "the run must get worse"
    assert result.score == pytest.approx(result.dev_score, rel=1e-6)


def test_predictions_have_the_loss_and_location_of_each_conversation(
    tmp_path: Path, tiny_model: Path, chat: Path
) -> None:
    directory = run_of(tmp_path, tiny_model, chat)
    result = train(directory)
    lines = [orjson.loads(x) for x in (directory.path / PREDICTIONS_NAME).read_bytes().splitlines()]
    places = [(line["file"], line["number"]) for line in lines]
    assert places == [(str(chat / "x_test.jsonl"), number) for number in range(1, 6)]
    tokens = sum(line["answer_tokens"] for line in lines)
    mean = sum(line["loss"] * line["answer_tokens"] for line in lines) / tokens
    assert mean == pytest.approx(result.score)
    assert all(set(line) == {"file", "number", "answer_tokens", "loss"} for line in lines)


def test_entries_can_be_named_instead_of_the_splits(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_chat(
        tmp_path / "chat",
        a=conversations(9),
        b_train=conversations(7, 20),
        c=conversations(4, 50),
        d_test=conversations(3, 80),
    )
    data = RunData(path=str(path), train="a, b_train", validation="c", label="chat")
    result = train(run_of(tmp_path, tiny_model, data))
    assert (result.train_rows, result.dev_rows, result.evaluation_rows) == (16, 4, 3)


def test_too_long_decides_about_rows_above_max_length(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early: Turns = [("user", "So?"), ("assistant", "The room became bright. " * 30)]
    data = write_chat(
        tmp_path / "chat",
        x_train=[*conversations(9), LONG, early],
        x_eval=conversations(4, first=50),
    )
    message = (
        r"max_length: 2 of 11 rows of train have over 100 tokens, the first at "
        r".*x_train\.jsonl:10, the longest \d+; raise it, or set too_long to drop or truncate"
    )
    with pytest.raises(ConfigError, match=message):
        trainer_of(run_of(tmp_path, tiny_model, data, max_length=100))
    for choice, counts in (("drop", (9, 2, 0)), ("truncate", (10, 1, 1))):
        result = train(run_of(tmp_path, tiny_model, data, max_length=100, too_long=choice))
        assert (result.train_rows, result.dropped_rows, result.truncated_rows) == counts
        message = (
            "train: of 11 rows 2 have over 100 tokens: {1} dropped, {2} truncated at their end"
        )
        assert message.format(*counts) in capsys.readouterr().out


def test_rows_longer_than_the_models_positions_are_refused(
    tmp_path: Path, tiny_model: Path
) -> None:
    data = write_chat(
        tmp_path / "chat", x_train=[*conversations(9), LONG], x_eval=conversations(4, first=50)
    )
    with pytest.raises(ConfigError, match=r"max_length: a row of train has .* 128 positions"):
        trainer_of(run_of(tmp_path, tiny_model, data, max_length=2048))


@pytest.mark.parametrize(
    ("conversation", "message"),
    [
        ([("user", "So?")], "the last turn is no answer"),
        ([("user", "So?"), ("assistant", " ")], "turn 2, of assistant, has no text"),
        ([*turns(1), ("assistant", "So.")], "turn 3 is of assistant, must be of user"),
    ],
)
def test_a_malformed_row_is_refused_before_the_model_is_loaded(
    tmp_path: Path, conversation: Turns, message: str
) -> None:
    data = write_chat(
        tmp_path / "chat", x_train=[*conversations(3), conversation], x_eval=conversations(4)
    )
    with pytest.raises(DataError, match=rf"x_train\.jsonl:4: {message}"):
        trainer_of(run_of(tmp_path, tmp_path / "no-model", data))


def test_a_split_without_rows_is_refused(tmp_path: Path) -> None:
    data = write_chat(tmp_path / "chat", x_train=[], x_eval=conversations(4))
    with pytest.raises(DataError, match=r"has no rows for train \(x_train\); training on nothing"):
        trainer_of(run_of(tmp_path, tmp_path / "no-model", data))


def test_a_template_is_used_unredacted(tmp_path: Path, tiny_model: Path, chat: Path) -> None:
    """A record would redact the value of `user_token`, as that of a secret."""
    template = "{% set user_token = 'QUESTION: ' %}{{ user_token }}" + PLAIN
    directory = run_of(tmp_path, tiny_model, chat, chat_template=template)
    trainer = trainer_of(directory)
    assert trainer.data.tokenizer.decode(trainer.data.train[0].ids).startswith("QUESTION: ")
    assert "QUESTION" not in directory.record_file.read_text()
    directory.template_file.write_text(PLAIN)
    with pytest.raises(DataError, match=r"chat_template\.jinja: is missing or not the chat temp"):
        trainer_of(directory)


def test_evaluation_rows_that_occur_in_train_are_refused(tmp_path: Path) -> None:
    data = write_chat(
        tmp_path / "chat",
        x_train=conversations(9),
        x_eval=[*conversations(4, 50), *conversations(2, 3)],
    )
    message = r"x_eval\.jsonl:5: 2 of 6 rows of validation also occur in train, this one first"
    with pytest.raises(DataError, match=message):
        trainer_of(run_of(tmp_path, tmp_path / "no-model", data))


def test_a_saved_model_has_the_chat_template_of_its_training(
    tmp_path: Path, tiny_model: Path, chat: Path
) -> None:
    directory = run_of(tmp_path, tiny_model, chat, save_model=True)
    result = train(directory)
    again = run_of(tmp_path, directory.path / "model", chat, steps=0, chat_template=None)
    assert train(again).score == pytest.approx(result.score, rel=1e-6)


def test_rebuilt_weights_have_the_chat_template_of_their_training(
    tmp_path: Path, tiny_model: Path, chat: Path
) -> None:
    directory = run_of(tmp_path, tiny_model, chat, "fo_lora", learning_rate=1e-2)
    result = train(directory)
    rebuild_weights(directory.path, tmp_path / "rebuilt")
    again = run_of(tmp_path, tmp_path / "rebuilt", chat, steps=0, chat_template=None)
    assert train(again).score == pytest.approx(result.score, rel=1e-5)


def test_the_process_of_a_run_ends_with_its_result(
    tmp_path: Path, tiny_model: Path, chat: Path
) -> None:
    directory = run_of(tmp_path, tiny_model, chat, packing=True)
    out, err = start(directory).communicate(timeout=120)
    record = directory.read()
    assert record.state is State.DONE, out + err
    assert record.result is not None
    assert record.result.metric == "loss"
