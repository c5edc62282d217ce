"""A whole run on chat rows: its splits, its scores, its best weights, what it refuses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import orjson
import pytest

from helpers.chat_data import some, turns
from helpers.chat_entries import PLAIN, Turns, write_chat
from helpers.training_runs import losses, make_run, start, train, trainer_of
from penstock.errors import ConfigError, DataError
from penstock.runs import RunData, RunDirectory, State
from penstock.training.loop import PREDICTIONS_NAME
from penstock.training.weights import rebuild_weights

LONG: Turns = [("user", "the lamp " * 60), ("assistant", "The room became bright.")]


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    """24 conversations to train on, 6 to choose by, 5 to report."""
    return write_chat(
        tmp_path / "chat", x_train=some(24), x_eval=some(6, first=50), x_test=some(5, first=80)
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


def test_a_packed_run_is_the_same_as_one_that_is_not(
    tmp_path: Path, tiny_model: Path, chat: Path
) -> None:
    runs = [
        run_of(tmp_path, tiny_model, chat, packing=packing, gradient_accumulation=2, eval_steps=2)
        for packing in (False, True)
    ]
    results = [train(run) for run in runs]
    assert losses(runs[1]) == pytest.approx(losses(runs[0]), rel=1e-4)
    assert results[1].scores == pytest.approx(results[0].scores, rel=1e-4)
    assert results[1].tokens == results[0].tokens


def test_the_result_tells_loss_and_perplexity_of_the_test_split(
    tmp_path: Path, tiny_model: Path, chat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = run_of(tmp_path, tiny_model, chat)
    result = train(directory)
    assert (result.metric, result.evaluation_split, result.chance) == ("loss", "test", None)
    assert result.scores == {"loss": result.score, "perplexity": math.exp(result.score)}
    assert (result.train_rows, result.dev_rows, result.evaluation_rows) == (24, 6, 5)
    lines = map(orjson.loads, (directory.path / PREDICTIONS_NAME).read_bytes().splitlines())
    assert result.evaluation_tokens == sum(line["answer_tokens"] for line in lines)
    said = capsys.readouterr().out
    assert "choosing on 6 of 6 (validation), evaluating on 5 of 5 (test)" in said
    assert "Answers end with <|end|>" in said


def test_without_a_test_split_the_validation_split_is_reported(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_chat(tmp_path / "chat", x_train=some(9), x_dev=some(4, first=50))
    result = train(run_of(tmp_path, tiny_model, data))
    assert (result.evaluation_split, result.score) == ("validation", result.dev_score)
    assert "evaluating on 4 of 4 (validation)" in capsys.readouterr().out


def test_the_weights_of_the_lowest_dev_loss_are_evaluated(tmp_path: Path, tiny_model: Path) -> None:
    """The rate is so high that the run gets worse; dev rows are also the evaluation rows."""
    data = write_chat(tmp_path / "chat", x_train=some(24), x_eval=some(6, first=50))
    values = {"learning_rate": 5e-2, "steps": 5, "eval_steps": 1, "max_grad_norm": None}
    directory = run_of(tmp_path, tiny_model, data, **values)
    result = train(directory)
    looks = {m["step"]: m["dev_score"] for m in directory.metrics() if "dev_score" in m}
    best = min(looks, key=lambda step: (looks[step], step))
    assert (result.best_step, result.dev_score) == (best, looks[best])
    assert looks[5] > looks[best], "it got worse"
    assert result.score == pytest.approx(result.dev_score, rel=1e-6)


def test_the_loss_of_each_conversation_is_kept_with_its_place(
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
        tmp_path / "chat", a=some(9), b_train=some(7, 20), c=some(4, 50), d_test=some(3, 80)
    )
    data = RunData(path=str(path), train="a, b_train", validation="c", label="chat")
    result = train(run_of(tmp_path, tiny_model, data))
    assert (result.train_rows, result.dev_rows, result.evaluation_rows) == (16, 4, 3)


def test_rows_above_max_length_end_the_run_unless_it_is_said_what_becomes_of_them(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early: Turns = [("user", "So?"), ("assistant", "The room became bright. " * 30)]
    data = write_chat(tmp_path / "chat", x_train=[*some(9), LONG, early], x_eval=some(4, first=50))
    message = (
        r"max_length: 2 of 11 rows of train have over 100 tokens, the first at "
        r".*x_train\.jsonl:10, the longest \d+; raise it, or say what becomes of them with "
        "too_long: drop or truncate"
    )
    with pytest.raises(ConfigError, match=message):
        trainer_of(run_of(tmp_path, tiny_model, data, max_length=100))
    for choice, counts in (("drop", (9, 2, 0)), ("truncate", (10, 1, 1))):
        result = train(run_of(tmp_path, tiny_model, data, max_length=100, too_long=choice))
        assert (result.train_rows, result.dropped_rows, result.truncated_rows) == counts
        said = "train: of 11 rows 2 have over 100 tokens: {1} left out, {2} cut at their end"
        assert said.format(*counts) in capsys.readouterr().out


def test_rows_longer_than_the_models_positions_are_refused(
    tmp_path: Path, tiny_model: Path
) -> None:
    data = write_chat(tmp_path / "chat", x_train=[*some(9), LONG], x_eval=some(4, first=50))
    with pytest.raises(ConfigError, match=r"max_length: a row of train has .* 128 positions"):
        trainer_of(run_of(tmp_path, tiny_model, data, max_length=2048))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([("user", "So?")], "the last turn is no answer"),
        ([("user", "So?"), ("assistant", " ")], "turn 2, of assistant, has no text"),
        ([*turns(1), ("assistant", "So.")], "turn 3 is of assistant, must be of user"),
    ],
)
def test_a_malformed_row_is_refused_before_the_model_is_looked_for(
    tmp_path: Path, said: Turns, message: str
) -> None:
    data = write_chat(tmp_path / "chat", x_train=[*some(3), said], x_eval=some(4))
    with pytest.raises(DataError, match=rf"x_train\.jsonl:4: {message}"):
        trainer_of(run_of(tmp_path, tmp_path / "no-model", data))


def test_a_split_without_rows_is_refused(tmp_path: Path) -> None:
    data = write_chat(tmp_path / "chat", x_train=[], x_eval=some(4))
    with pytest.raises(DataError, match=r"has no rows for train \(x_train\); training on nothing"):
        trainer_of(run_of(tmp_path, tmp_path / "no-model", data))


def test_a_template_is_trained_with_as_it_was_written(
    tmp_path: Path, tiny_model: Path, chat: Path
) -> None:
    """What stands under `user_token` would be masked in a record, as a secret of that name."""
    template = "{% set user_token = 'QUESTION: ' %}{{ user_token }}" + PLAIN
    directory = run_of(tmp_path, tiny_model, chat, chat_template=template)
    trainer = trainer_of(directory)
    assert trainer.tokenizer.decode(trainer.subject.train[0].ids).startswith("QUESTION: ")
    assert "QUESTION" not in directory.record_file.read_text()
    directory.template_file.write_text(PLAIN)
    with pytest.raises(DataError, match=r"chat_template\.jinja: is missing or not the chat temp"):
        trainer_of(directory)


def test_rows_to_evaluate_on_that_are_trained_on_are_refused(tmp_path: Path) -> None:
    data = write_chat(tmp_path / "chat", x_train=some(9), x_eval=[*some(4, 50), *some(2, 3)])
    message = r"x_eval\.jsonl:5: 2 of 6 rows of validation, this one first, stand in train as well"
    with pytest.raises(DataError, match=message):
        trainer_of(run_of(tmp_path, tmp_path / "no-model", data))


def test_a_saved_model_carries_the_template_it_was_trained_with(
    tmp_path: Path, tiny_model: Path, chat: Path
) -> None:
    directory = run_of(tmp_path, tiny_model, chat, save_model=True)
    result = train(directory)
    again = run_of(tmp_path, directory.path / "model", chat, steps=0, chat_template=None)
    assert train(again).score == pytest.approx(result.score, rel=1e-6)


def test_rebuilt_weights_carry_the_template_too(
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
