"""The loss of answers equals that of transformers, packed or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

from helpers.chat_data import chat_rows, conversations
from helpers.chat_entries import PLAIN, write_chat
from helpers.training_runs import make_run, trainer_of
from penstock.errors import ConfigError
from penstock.training.chat.objective import (
    ChatObjective,
    check_packing_isolation,
    pack_best_fit,
)
from penstock.training.chat.template import ChatTemplate, EncodedChat


@pytest.fixture
def chats(tokenizer: Any) -> list[EncodedChat]:
    """Twelve conversations of 30 to 60 tokens."""
    return ChatTemplate(tokenizer, PLAIN).encode(chat_rows(12))


def objective(model: Any, *, packing: bool, max_length: int = 128) -> ChatObjective:
    return ChatObjective(model, packing=packing, max_length=max_length)


def transformers_loss(model: Any, chats: list[EncodedChat]) -> torch.Tensor:
    """Return the loss that the model computes for a padded batch."""
    length = max(len(chat.ids) for chat in chats)
    ids = torch.zeros(len(chats), length, dtype=torch.long)
    attention, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, chat in enumerate(chats):
        tokens = torch.tensor(chat.ids).long()
        ids[row, : len(tokens)], attention[row, : len(tokens)] = tokens, 1
        labels[row, : len(tokens)] = tokens.where(torch.tensor(chat.trained), torch.tensor(-100))
    return model(input_ids=ids, attention_mask=attention, labels=labels).loss


def mean_loss(model: Any, chats: list[EncodedChat], *, packing: bool) -> torch.Tensor:
    found = objective(model, packing=packing)
    return found.loss(found.input_rows(chats), sum(chat.answer_tokens for chat in chats))


@pytest.mark.parametrize("packing", [False, True])
def test_the_loss_and_its_gradient_are_those_of_transformers(
    model: Any, chats: list[EncodedChat], packing: bool
) -> None:
    expected = transformers_loss(model, chats)
    expected.backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    loss = mean_loss(model, chats, packing=packing)
    loss.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("keeps_logits", [True, False])
def test_a_conversation_has_the_same_loss_in_its_own_row_and_packed(
    model: Any, chats: list[EncodedChat], keeps_logits: bool
) -> None:
    unpacked, packed = objective(model, packing=False), objective(model, packing=True)
    if not keeps_logits:  # a model that returns the logits of all positions
        packed.arguments = {"position_ids": None}
    one_by_one = [float(unpacked.sums([[chat]]).detach()) for chat in chats]
    assert packed.losses(chats) == pytest.approx(one_by_one, rel=1e-5)
    assert unpacked.losses(chats) == pytest.approx(one_by_one, rel=1e-5)
    assert len(packed.input_rows(chats)) <= len(chats) / 2


def test_a_conversation_does_not_see_the_one_before_it(
    model: Any, chats: list[EncodedChat]
) -> None:
    packed = objective(model, packing=True)
    first, second = (packed.sums([[before, chats[2]]])[1] for before in (chats[0], chats[1]))
    torch.testing.assert_close(first, second, rtol=1e-6, atol=0)


def test_models_with_absolute_positions_can_pack(chats: list[EncodedChat]) -> None:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=2000, n_embd=32, n_layer=2, n_head=2, n_positions=128)
    model = GPT2LMHeadModel(config).eval()
    packed = objective(model, packing=True)
    check_packing_isolation(packed)
    expected = [transformers_loss(model, [chat]).item() * chat.answer_tokens for chat in chats]
    assert packed.losses(chats) == pytest.approx(expected, rel=1e-5)


def test_a_model_with_state_along_the_row_is_refused_for_packing() -> None:
    torch.manual_seed(0)
    size = {"vocab_size": 500, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config = Lfm2Config(
        **size, num_attention_heads=2, num_key_value_heads=2, layer_types=["conv", "full_attention"]
    )
    message = "packing: this model lets a packed conversation see the one before it"
    with pytest.raises(ConfigError, match=message):
        check_packing_isolation(objective(Lfm2ForCausalLM(config).eval(), packing=True))


class OneRowAtATime(LlamaForCausalLM):
    """Isolates conversations only in a batch of one row, as flash attention does."""

    def forward(self, input_ids: Any, position_ids: Any, **options: Any) -> Any:
        if len(input_ids) > 1:
            position_ids = None
        return super().forward(input_ids=input_ids, position_ids=position_ids, **options)


def small_llama(kind: type[LlamaForCausalLM] = LlamaForCausalLM) -> LlamaForCausalLM:
    torch.manual_seed(0)
    size = {"vocab_size": 500, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    return kind(LlamaConfig(**size, num_attention_heads=2)).eval()


def test_a_model_that_isolates_only_in_batches_of_one_row_is_refused_for_packing() -> None:
    check_packing_isolation(objective(small_llama(), packing=True))
    with pytest.raises(ConfigError, match="packing: this model lets a packed conversation see"):
        check_packing_isolation(objective(small_llama(OneRowAtATime), packing=True))


def test_nan_logits_do_not_prove_isolation() -> None:
    model = small_llama()
    torch.nn.init.constant_(model.lm_head.weight, torch.nan)
    with pytest.raises(ConfigError, match="packing: this model lets a packed conversation see"):
        check_packing_isolation(objective(model, packing=True))


def test_a_model_without_positions_is_refused_for_packing() -> None:
    config = MambaConfig(vocab_size=50, hidden_size=16, state_size=4, num_hidden_layers=1)
    with pytest.raises(ConfigError, match="packing: this model takes no position_ids"):
        check_packing_isolation(objective(MambaForCausalLM(config).eval(), packing=True))


def test_a_model_that_computes_positions_itself_is_refused_for_packing() -> None:
    torch.manual_seed(0)
    size = {"vocab_size": 500, "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2}
    config = OPTConfig(**size, num_attention_heads=2, word_embed_proj_dim=32)
    with pytest.raises(ConfigError, match="packing: this model lets a packed conversation see"):
        check_packing_isolation(objective(OPTForCausalLM(config).eval(), packing=True))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_tiny_model_isolates_packed_conversations(model: Any, dtype: Any) -> None:
    found = ChatObjective(model, packing=True, max_length=128, compute_dtype=dtype)
    check_packing_isolation(found)
    assert found.tokens == 0, "the check does not count as training"


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_every_conversation_is_packed_into_one_row_that_fits_it(lengths: list[int]) -> None:
    rows = pack_best_fit(lengths, 40)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in row) <= 40 for row in rows)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)


def test_microbatches_and_packing_do_not_change_a_step(tmp_path: Path, tiny_model: Path) -> None:
    data = write_chat(tmp_path / "chat", x_train=conversations(16), x_eval=conversations(4, 50))
    losses, weights = [], []
    for size, accumulation, packing in ((16, 1, False), (3, 6, False), (2, 8, True), (16, 1, True)):
        values = {"batch_size": size, "gradient_accumulation": accumulation, "packing": packing}
        values |= {"optimizer": "sgd", "chat_template": PLAIN, "dev_samples": None}
        trainer = trainer_of(make_run(tmp_path, tiny_model, "chat", "fo_full", data, **values))
        for step in (1, 2, 3):
            losses.append(trainer.step(trainer.data.train, 0.5, step, measure=False)["loss"])
        weights.append(trainer.method.trained())
    assert np.array(losses).reshape(4, 3) == pytest.approx(np.tile(losses[:3], (4, 1)), rel=1e-5)
    assert losses[2] < losses[0]
    for other in weights[1:]:
        for name, tensor in weights[0].items():
            torch.testing.assert_close(other[name], tensor, rtol=0, atol=1e-5)


def test_packing_makes_fewer_forward_passes(tmp_path: Path, tiny_model: Path) -> None:
    data = write_chat(tmp_path / "chat", x_train=conversations(16), x_eval=conversations(4, 50))
    parts = {}
    for packing in (False, True):
        values = {"batch_size": 4, "packing": packing, "chat_template": PLAIN}
        trainer = trainer_of(make_run(tmp_path, tiny_model, "chat", "zo", data, **values))
        parts[packing] = len(trainer.data.microbatches(trainer.data.train, 4))
    assert parts[False] == 4
    assert parts[True] < 4
