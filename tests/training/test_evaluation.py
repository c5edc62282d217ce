"""Scores of chosen options and of generated answers, and the score of chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from helpers.training_data import arc_rows, cb_rows, copa_rows, squad_rows, write_task
from helpers.training_runs import make_run, trainer_of
from penstock.tasks import TASKS, Row
from penstock.training.benchmark import chance_score
from penstock.training.data import Evaluation
from penstock.training.encoding import Encoder
from penstock.training.evaluation import evaluate, generate_answers
from penstock.training.methods.fo_lora import FirstOrderLora, LoraHyperparameters
from penstock.training.objective import OptionObjective


def evaluation_of(task_name: str, rows: list[Row], model: Any, tokenizer: Any) -> Evaluation:
    task = TASKS.get(task_name)
    encoder = Encoder(task, tokenizer, 128)
    objective = OptionObjective(model, classification=task.classification)
    return evaluate(encoder, objective, encoder.encode(rows))


def column(found: Evaluation, name: str) -> list[Any]:
    return [row[name] for row in found.rows]


@pytest.mark.parametrize(
    ("task", "rows"), [("copa", copa_rows(20)), ("cb", cb_rows(20)), ("arcc_mc", arc_rows(20))]
)
def test_the_option_with_the_highest_score_is_the_answer(
    model: Any, tokenizer: Any, task: str, rows: list[Row]
) -> None:
    found = evaluation_of(task, rows, model, tokenizer)
    encoded = Encoder(TASKS.get(task), tokenizer, 128).encode(rows)
    scores = [
        torch.tensor(s) for s in OptionObjective(model, classification=True).option_scores(encoded)
    ]
    right = [row.correct[0] for row in encoded]
    assert column(found, "prediction") == [int(s.argmax()) for s in scores]
    hits = [float(p == r) for p, r in zip(column(found, "prediction"), right, strict=True)]
    assert column(found, "scores") == [{"accuracy": hit} for hit in hits]
    assert found.scores == {"accuracy": pytest.approx(sum(hits) / len(hits))}
    losses = [-s.log_softmax(0)[r] for s, r in zip(scores, right, strict=True)]
    assert found.loss == pytest.approx(float(torch.stack(losses).mean()), abs=1e-5)


@pytest.fixture(scope="module")
def answering(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A training loop whose model has learned to answer squad rows with a name and a line end."""
    root = tmp_path_factory.mktemp("answering")
    data = write_task(root / "SQuAD", "squad", squad_rows(48), squad_rows(8, first=100))
    values = {"learning_rate": 5e-3, "steps": 90, "batch_size": 8, "logging_steps": 90}
    trainer = trainer_of(make_run(root, tiny_model, "squad", "fo_full", data, **values))
    trainer.train()
    return trainer


@torch.no_grad()
def plain_greedy(model: Any, tokenizer: Any, prompt: list[int], most: int) -> str:
    """Generate token by token, without a cache or padding."""
    ids = list(prompt)
    while len(ids) < len(prompt) + most:
        ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == tokenizer.eos_token_id or "\n" in tokenizer.decode(ids[len(prompt) :]):
            break
    text: str = tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True)
    return text.partition("\n")[0].strip()


def test_answers_are_generated_greedily_up_to_the_line_end(answering: Any) -> None:
    rows = squad_rows(6, first=200)
    # Prompts of different lengths, so that some need padding.
    for index, row in enumerate(rows):
        row["context"] += " The room became bright." * index
    prompts = answering.data.encoder.prompts(rows)
    assert len({len(prompt) for prompt in prompts}) > 3
    model, tokenizer = answering.data.objective.model, answering.data.tokenizer
    texts = generate_answers(answering.data.objective, tokenizer, prompts, 50)
    assert texts == [plain_greedy(model, tokenizer, prompt, 50) for prompt in prompts]
    assert texts == generate_answers(answering.data.objective, tokenizer, prompts, 50)
    assert all(text and "\n" not in text and len(text) < 20 for text in texts)


def test_generated_answers_are_scored_by_f1_and_exact_match(answering: Any) -> None:
    rows = answering.data.evaluation
    found = answering.data.evaluate(rows)
    task = TASKS.get("squad")
    expected = [
        task.text_scores(row.row, text)
        for row, text in zip(rows, column(found, "prediction"), strict=True)
    ]
    assert column(found, "scores") == expected
    assert found.scores == {
        name: pytest.approx(sum(scores[name] for scores in expected) / len(rows))
        for name in ("f1", "exact_match")
    }
    assert found.scores["exact_match"] >= 0.5, "it has learned to answer"


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_padding_does_not_change_generated_answers(model: Any, tokenizer: Any, kind: str) -> None:
    if kind == "gpt2":
        torch.manual_seed(0)
        vocabulary = len(tokenizer)
        config = GPT2Config(vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=2, n_positions=128)
        model = GPT2LMHeadModel(config).eval()
    texts = ["Ada", "Boris told a joke. Every", "Clara", "The room became bright because David"]
    prompts = tokenizer(texts)["input_ids"]
    assert len({len(prompt) for prompt in prompts}) > 1
    written = generate_answers(OptionObjective(model, classification=False), tokenizer, prompts, 12)
    assert written == [plain_greedy(model, tokenizer, prompt, 12) for prompt in prompts]
    assert len(set(written)) > 1


def test_an_answer_has_no_more_tokens_than_the_task_allows(model: Any, tokenizer: Any) -> None:
    objective = OptionObjective(model, classification=False)
    prompt = tokenizer("Ada switched on the lamp. The")["input_ids"]
    (text,) = generate_answers(objective, tokenizer, [prompt], 3)
    assert text == plain_greedy(model, tokenizer, prompt, 3)


def test_the_models_generation_config_is_not_applied(model: Any, tokenizer: Any) -> None:
    objective = OptionObjective(model, classification=False)
    prompt = tokenizer("Ada switched on the lamp. The")["input_ids"]
    plain = generate_answers(objective, tokenizer, [prompt], 12)
    model.generation_config.repetition_penalty = 9.0
    model.generation_config.min_new_tokens = 12
    assert generate_answers(objective, tokenizer, [prompt], 12) == plain
    assert model.generation_config.repetition_penalty == 9.0, "the model's own config is restored"


def test_adapters_take_part_in_generation(model: Any, tokenizer: Any) -> None:
    objective = OptionObjective(model, classification=False)
    prompt = tokenizer("Ada switched on the lamp. The")["input_ids"]
    plain = generate_answers(objective, tokenizer, [prompt], 12)
    method = FirstOrderLora(LoraHyperparameters(learning_rate=1e-3))
    adapted = OptionObjective(method.prepare(model), classification=False)
    assert generate_answers(adapted, tokenizer, [prompt], 12) == plain, (
        "new adapters have no effect"
    )
    torch.manual_seed(0)
    for tensor in method.trained().values():
        tensor.normal_()
    written = generate_answers(adapted, tokenizer, [prompt], 12)
    assert written != plain
    assert (
        generate_answers(
            OptionObjective(method.merged(), classification=False), tokenizer, [prompt], 12
        )
        == written
    )


def chance_of(task: str, rows: list[Row], tokenizer: Any) -> float:
    return chance_score(TASKS.get(task), Encoder(TASKS.get(task), tokenizer, 128).encode(rows))


def test_chance_is_the_most_frequent_answer_or_guessing(tokenizer: Any) -> None:
    rows = cb_rows(9)
    assert chance_of("cb", rows, tokenizer) == pytest.approx(1 / 3)
    assert chance_of("cb", rows[:4], tokenizer) == pytest.approx(1 / 2)
    assert chance_of("copa", [row for row in copa_rows(20) if row["label"] == 1], tokenizer) == 1.0


def test_chance_is_guessing_if_rows_differ_in_their_number_of_options(tokenizer: Any) -> None:
    expected = (1 / 3 + 1 / 4 + 1 / 5) / 3
    assert chance_of("arcc_mc", arc_rows(9), tokenizer) == pytest.approx(expected)


def test_generated_answers_have_chance_zero(tokenizer: Any) -> None:
    assert chance_of("squad", squad_rows(3), tokenizer) == 0.0
