"""Scores and losses equal a plain computation, however rows are batched and padded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaForCausalLM

from helpers.training_data import arc_rows, cb_rows, copa_rows, squad_rows
from penstock.tasks import TASKS
from penstock.training import objective as objective_module
from penstock.training.encoding import EncodedOption, EncodedRow, Encoder
from penstock.training.objective import OptionObjective

ROWS = {"arcc_mc": arc_rows, "arcc_cloze": arc_rows, "cb": cb_rows, "copa": copa_rows}


class WholeLogitsLlama(LlamaForCausalLM):
    """A model that always returns the logits of all positions, as older ones do."""

    def forward(self, input_ids: Any, attention_mask: Any = None, use_cache: Any = None) -> Any:
        return super().forward(input_ids, attention_mask=attention_mask, use_cache=use_cache)


@pytest.fixture(params=["llama", "gpt2", "whole-logits"])
def any_model(request: pytest.FixtureRequest, tiny_model: Path, tokenizer: Any) -> Any:
    """Models with relative and absolute positions, and one that returns all logits."""
    torch.manual_seed(0)
    if request.param == "gpt2":
        vocabulary = len(tokenizer)
        config = GPT2Config(vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=2, n_positions=128)
        return GPT2LMHeadModel(config).eval()
    kind = LlamaForCausalLM if request.param == "llama" else WholeLogitsLlama
    return kind.from_pretrained(tiny_model).eval()


def encoded(task: str, tokenizer: Any, count: int = 9) -> list[EncodedRow]:
    return Encoder(TASKS.get(task), tokenizer, 128).encode(ROWS[task](count))


@torch.no_grad()
def plain_log_probabilities(model: Any, option: EncodedOption) -> torch.Tensor:
    """Return the log-probability of each token of an option, computed without batching."""
    log_probabilities = model(torch.tensor([option.ids])).logits[0].log_softmax(-1)
    places = range(option.start, len(option.ids))
    return torch.stack([log_probabilities[i - 1, option.ids[i]] for i in places])


@pytest.mark.parametrize("task", ROWS)
def test_option_scores_are_mean_log_probabilities_of_the_options_tokens(
    any_model: Any, tokenizer: Any, task: str
) -> None:
    rows = encoded(task, tokenizer)
    scores = OptionObjective(any_model, classification=True).option_scores(rows)
    for row, of_row in zip(rows, scores, strict=True):
        plain = [float(plain_log_probabilities(any_model, o).mean()) for o in row.options]
        assert of_row == pytest.approx(plain, abs=1e-5)
    assert {len(of_row) for of_row in scores} == {len(row.options) for row in rows}


def test_rows_of_three_four_and_five_options_are_all_scored(model: Any, tokenizer: Any) -> None:
    scores = OptionObjective(model, classification=True).option_scores(
        encoded("arcc_mc", tokenizer)
    )
    assert [len(of_row) for of_row in scores] == [3, 4, 5] * 3


@pytest.mark.parametrize("tokens", [1, 60, 8192])
def test_scores_do_not_depend_on_how_rows_are_batched(
    model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    rows = encoded("arcc_cloze", tokenizer)
    objective = OptionObjective(model, classification=True)
    alone = [objective.option_scores([row])[0] for row in rows]
    monkeypatch.setattr(objective_module, "_BATCH_TOKENS", tokens)
    together = objective.option_scores(rows[::-1])[::-1]
    for one, other in zip(alone, together, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.parametrize("limit", ["_BATCH_TOKENS", "_BATCH_LOGITS_BYTES"])
def test_a_batch_without_gradients_respects_its_limits(
    any_model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    # Short options after long prompts and long ones after short prompts, in turn.
    ids = tuple(range(1, 61))
    options = [EncodedOption(ids[:n], 2 if n % 3 == 0 else n - 1) for n in range(20, 60)]
    rows = [EncodedRow({}, (option,), (0,)) for option in options]
    most = 250 if limit == "_BATCH_TOKENS" else 90 * len(tokenizer) * 4
    monkeypatch.setattr(objective_module, limit, most)
    sizes: list[int] = []

    def note(module: Any, arguments: Any, keywords: Any, output: Any) -> None:
        ids, logits = keywords["input_ids"], output.logits
        sizes.append(len(ids))
        assert (ids.numel() if limit == "_BATCH_TOKENS" else logits.numel() * 4) <= most

    any_model.register_forward_hook(note, with_kwargs=True)
    OptionObjective(any_model, classification=True).option_scores(rows)
    assert sum(sizes) == 40
    assert max(sizes) > 1, "one option at a time would always fit"


@pytest.mark.parametrize("task", ROWS)
def test_the_classification_loss_is_the_cross_entropy_over_the_scores(
    any_model: Any, tokenizer: Any, task: str
) -> None:
    rows = encoded(task, tokenizer)
    objective = OptionObjective(any_model, classification=True)
    plain = []
    for row in rows:
        scores = torch.stack([plain_log_probabilities(any_model, o).mean() for o in row.options])
        plain.append(-scores.log_softmax(0)[row.correct[0]])
    assert objective.weight(rows) == len(rows)
    loss = objective.loss(rows, objective.weight(rows)).item()
    assert loss == pytest.approx(float(torch.stack(plain).mean()), abs=1e-5)


@pytest.mark.parametrize("task", ROWS)
def test_the_option_token_loss_is_the_mean_over_all_tokens_of_the_right_options(
    any_model: Any, tokenizer: Any, task: str
) -> None:
    rows = encoded(task, tokenizer)
    objective = OptionObjective(any_model, classification=False)
    plain = torch.cat([plain_log_probabilities(any_model, row.answer) for row in rows])
    assert objective.weight(rows) == len(plain)
    loss = objective.loss(rows, objective.weight(rows)).item()
    assert loss == pytest.approx(-float(plain.mean()), abs=1e-5)


@pytest.mark.parametrize("classification", [True, False])
@pytest.mark.parametrize("task", ["arcc_cloze", "copa"])
def test_microbatches_add_up_to_the_loss_and_gradient_of_the_batch(
    model: Any, tokenizer: Any, task: str, classification: bool
) -> None:
    rows = encoded(task, tokenizer)
    objective = OptionObjective(model, classification=classification)
    weight = objective.weight(rows)
    full = objective.loss(rows, weight)
    full.backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    parts = [objective.loss(part, weight) for part in (rows[:2], rows[2:3], rows[3:])]
    for part in parts:
        part.backward()
    assert sum(part.item() for part in parts) == pytest.approx(full.item(), abs=1e-5)
    for gradient, parameter in zip(gradients, model.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-6)


def test_padding_gets_no_gradient(model: Any, tokenizer: Any) -> None:
    rows = encoded("arcc_cloze", tokenizer)
    assert len({len(o.ids) for row in rows for o in row.options}) > 1
    assert all(0 not in o.ids for row in rows for o in row.options)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    objective = OptionObjective(model, classification=True)
    objective.loss(rows, objective.weight(rows)).backward()
    assert not model.model.embed_tokens.weight.grad[0].any()


def test_tokens_are_counted_without_padding(model: Any, tokenizer: Any) -> None:
    rows = encoded("arcc_cloze", tokenizer)
    objective = OptionObjective(model, classification=True)
    objective.option_scores(rows)
    assert objective.tokens == sum(len(o.ids) for row in rows for o in row.options)


def test_a_reference_answer_is_scored_like_an_option(model: Any, tokenizer: Any) -> None:
    rows = Encoder(TASKS.get("squad"), tokenizer, 128).encode(squad_rows(3))
    scores = OptionObjective(model, classification=False).option_scores(rows)
    for row, of_row in zip(rows, scores, strict=True):
        assert tokenizer.decode(row.answer.ids[row.answer.start :]).endswith("\n")
        plain = float(plain_log_probabilities(model, row.answer).mean())
        assert of_row == pytest.approx([plain], abs=1e-5)


def test_bfloat16_computation_is_close_but_not_equal(model: Any, tokenizer: Any) -> None:
    rows = encoded("copa", tokenizer)
    exact = OptionObjective(model, classification=True).option_scores(rows)
    rough = OptionObjective(model, classification=True, compute_dtype="bfloat16").option_scores(
        rows
    )
    assert rough != exact
    for one, other in zip(exact, rough, strict=True):
        assert one == pytest.approx(other, abs=0.1)
    assert next(model.parameters()).dtype is torch.float32
