"""A run: its files, its final weights, and that its seed determines both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from helpers.training_data import copa_rows, squad_rows, write_task
from helpers.training_runs import losses, make_run, predictions, train, trainer_of
from penstock.errors import ConfigError
from penstock.runs import RunDirectory
from penstock.tasks import TASKS
from penstock.training.encoding import Encoder
from penstock.training.evaluation import evaluate
from penstock.training.loop import PREDICTIONS_NAME, NotFiniteError
from penstock.training.model import load_model
from penstock.training.objective import OptionObjective

METHODS = ("zo", "fo_full", "fo_lora")


@pytest.mark.parametrize("method", METHODS)
def test_a_run_lowers_its_training_loss(
    tmp_path: Path, tiny_model: Path, copa: Path, method: str
) -> None:
    values = {"batch_size": 24, "steps": 100 if method == "zo" else 5}
    values["learning_rate"] = {"zo": 1e-3, "fo_full": 1e-3, "fo_lora": 1e-2}[method]
    directory = make_run(tmp_path, tiny_model, "copa", method, copa, **values)
    result = train(directory)
    assert result.first_loss == losses(directory)[0]
    assert result.last_loss == losses(directory)[-1]
    assert result.last_loss < 0.98 * result.first_loss


@pytest.mark.parametrize("method", METHODS)
def test_metrics_have_every_logged_step_and_every_dev_evaluation(
    tmp_path: Path, tiny_model: Path, copa: Path, method: str
) -> None:
    values = {"steps": 7, "logging_steps": 3, "eval_steps": 4}
    directory = make_run(tmp_path, tiny_model, "copa", method, copa, **values)
    train(directory)
    steps = [line for line in directory.metrics() if "loss" in line]
    evaluations = [line for line in directory.metrics() if "dev_score" in line]
    assert [line["step"] for line in steps] == [1, 3, 6, 7]
    assert [line["step"] for line in evaluations] == [0, 4, 7]
    common = {"step", "loss", "learning_rate", "tokens_per_second", "peak_memory_bytes", "seconds"}
    own = {"g", "update_cosine"} if method == "zo" else {"grad_norm"}
    assert all(set(line) == common | own for line in steps)
    assert all(set(line) == {"step", "dev_score", "dev_loss"} for line in evaluations)
    assert all(line["peak_memory_bytes"] > 2**20 for line in steps)


def test_a_logged_loss_is_the_mean_since_the_previous_line(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    every, third = (
        make_run(tmp_path, tiny_model, "copa", "fo_full", copa, steps=6, logging_steps=n)
        for n in (1, 3)
    )
    train(every)
    train(third)
    each = losses(every)
    means = [each[0], (each[1] + each[2]) / 2, sum(each[3:6]) / 3]
    assert losses(third) == pytest.approx(means)


def test_zero_steps_evaluate_the_model_unchanged(
    tmp_path: Path, tiny_model: Path, model: Any, tokenizer: Any, copa: Path
) -> None:
    directory = make_run(tmp_path, tiny_model, "copa", "zo", copa, steps=0)
    result = train(directory)
    task = TASKS.get("copa")
    encoder = Encoder(task, tokenizer, 128)
    objective = OptionObjective(model, classification=True)
    found = evaluate(encoder, objective, encoder.encode(copa_rows(12, first=100)))
    assert result.score == found.scores["accuracy"]
    assert predictions(directory) == [row["prediction"] for row in found.rows]
    assert (result.best_step, result.first_loss, result.last_loss) == (0, None, None)


def test_predictions_have_each_evaluation_row_and_its_scores(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    directory = make_run(tmp_path, tiny_model, "copa", "zo", copa)
    result = train(directory)
    lines = [orjson.loads(x) for x in (directory.path / PREDICTIONS_NAME).read_bytes().splitlines()]
    assert [line["row"] for line in lines] == copa_rows(12, first=100)
    for line in lines:
        right = line["prediction"] == line["row"]["label"]
        assert line["scores"] == {"accuracy": float(right)}
    assert result.score == sum(line["scores"]["accuracy"] for line in lines) / 12
    assert (result.train_rows, result.dev_rows, result.evaluation_rows) == (24, 8, 12)


def dev_evaluations(directory: RunDirectory) -> dict[int, tuple[float, float]]:
    return {
        line["step"]: (line["dev_score"], line["dev_loss"])
        for line in directory.metrics()
        if "dev_score" in line
    }


@pytest.mark.parametrize(("method", "rate"), [("fo_full", 5e-2), ("fo_lora", 1.0), ("zo", 5e-2)])
def test_the_weights_with_the_best_dev_score_are_evaluated(
    tmp_path: Path, tiny_model: Path, copa: Path, method: str, rate: float
) -> None:
    """With this learning rate the last weights are not the best; dev rows = evaluation rows."""
    same = write_task(tmp_path / "same", "copa", copa_rows(32), copa_rows(32)[-8:])
    values = {"learning_rate": rate, "steps": 12, "eval_steps": 1, "max_grad_norm": None}
    if method == "zo":
        del values["max_grad_norm"]
    directory = make_run(tmp_path, tiny_model, "copa", method, same, **values)
    result = train(directory)
    evaluations = dev_evaluations(directory)
    best = max(evaluations, key=lambda step: (evaluations[step][0], -evaluations[step][1], -step))
    assert (result.best_step, result.dev_score) == (best, evaluations[best][0])
    assert best != 12, "the last weights must not be the best"
    assert result.score == result.dev_score


def numbers(directory: RunDirectory) -> list[dict[str, Any]]:
    """Return the metrics that do not depend on the machine."""
    machine = {"seconds", "tokens_per_second", "peak_memory_bytes"}
    return [{k: v for k, v in line.items() if k not in machine} for line in directory.metrics()]


@pytest.mark.parametrize("task", ["copa", "cb"])
@pytest.mark.parametrize("method", METHODS)
def test_a_seed_determines_every_number(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_model: Path, task: str, method: str
) -> None:
    data: Path = request.getfixturevalue(task)
    values = {"train_samples": 16, "steps": 6, "eval_steps": 2}
    if method == "fo_lora":
        values["lora_dropout"] = 0.2
    runs = [
        make_run(tmp_path, tiny_model, task, method, data, seed=seed, **values)
        for seed in (1, 1, 2)
    ]
    results = [train(run) for run in runs]
    first, again, other = runs
    assert numbers(first) == numbers(again)
    assert predictions(first) == predictions(again)
    assert results[0].scores == results[1].scores
    assert numbers(first) != numbers(other)


@pytest.mark.parametrize(("method", "rate"), [("zo", 1e38), ("fo_full", 1e12)])
def test_a_loss_that_is_not_finite_ends_the_run(
    tmp_path: Path, tiny_model: Path, copa: Path, method: str, rate: float
) -> None:
    directory = make_run(tmp_path, tiny_model, "copa", method, copa, learning_rate=rate)
    with pytest.raises(NotFiniteError, match=r"is (nan|inf) at step \d; lower the learning rate"):
        train(directory)


def test_nan_weights_after_the_last_step_are_not_evaluated(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    values = {"learning_rate": 1e30, "weight_decay": 1e30, "optimizer": "sgd", "steps": 1}
    directory = make_run(tmp_path, tiny_model, "copa", "fo_full", copa, **values)
    with pytest.raises(NotFiniteError, match="dev loss is nan at step 1"):
        train(directory)


def test_generated_answers_cannot_train_as_classification(tmp_path: Path, tiny_model: Path) -> None:
    data = write_task(tmp_path / "SQuAD", "squad", squad_rows(12), squad_rows(2))
    values = {"train_as_classification": True}
    directory = make_run(tmp_path, tiny_model, "squad", "zo", data, **values)
    with pytest.raises(ConfigError, match="train_as_classification: squad has generated answers"):
        train(directory)


def test_truncated_rows_are_logged(
    tmp_path: Path, tiny_model: Path, copa: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer_of(make_run(tmp_path, tiny_model, "copa", "zo", copa, max_length=16))
    assert "rows have over 16 tokens: truncated on the left" in capsys.readouterr().out


def test_rows_longer_than_the_models_positions_are_refused(
    tmp_path: Path, tiny_model: Path
) -> None:
    rows = copa_rows(12, words="So it was said that " * 30)
    data = write_task(tmp_path / "long", "copa", rows, rows)
    directory = make_run(tmp_path, tiny_model, "copa", "zo", data, max_length=2048)
    with pytest.raises(ConfigError, match=r"max_length: a row has .* the model 128 positions"):
        trainer_of(directory)


def test_save_model_saves_the_best_weights(tmp_path: Path, tiny_model: Path, copa: Path) -> None:
    for method in METHODS:
        values = {"save_model": True, "learning_rate": 1e-3, "eval_steps": 1}
        directory = make_run(tmp_path / method, tiny_model, "copa", method, copa, **values)
        result = train(directory)
        saved = directory.path / "model"
        load_model(str(saved), "float32", "cpu")
        again = make_run(tmp_path / method, saved, "copa", "zo", copa, steps=0)
        assert train(again).score == result.score
        assert predictions(again) == predictions(directory)
