"""Whether a model keeps packed conversations apart: tried on the model itself.

State that runs along a row (Mamba, convolutions), positions that a model counts by itself, or an
attention that looks at positions in a batch of one row alone (flash attention in transformers)
would let one conversation into the next, and nothing in the loss would tell.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penstock.errors import ConfigError
from penstock.training.chat.objective import ChatObjective
from penstock.training.chat.template import EncodedChat

_LENGTH = 12
#: How far logits may lie apart, of the largest of them. With another conversation before it a
#: conversation has the same sums to the last bit but for experts that share their work otherwise;
#: alone, its sums have another order.
_BESIDE_ANOTHER = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}
_ALONE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}


@torch.no_grad()
def require_apart(objective: ChatObjective) -> None:
    """Raise ConfigError for a model in which a conversation changes what follows it in its row."""
    if "position_ids" not in objective.arguments:
        raise _error("takes no position_ids, by which packed conversations are kept apart")
    tokens = objective.tokens
    vocabulary = objective.model.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
    drawn = np.random.default_rng(0).integers(0, vocabulary, (3, _LENGTH), np.int32)
    one, another, probe = map(_conversation, drawn)
    found = _logits(objective, [one, probe])
    weights = next(objective.model.parameters()).dtype
    dtype = max(weights, objective.compute_dtype, key=lambda dtype: torch.finfo(dtype).eps)
    # A distance that is no number is no proof.
    if not _distance(found, _logits(objective, [another, probe])) <= _BESIDE_ANOTHER[dtype]:
        raise _error("lets a packed conversation see the one before it")
    if not _distance(found, _logits(objective, [probe])) <= _ALONE[dtype]:
        raise _error("gives a packed conversation other logits than alone")
    objective.tokens = tokens


def _conversation(ids: NDArray[np.int32]) -> EncodedChat:
    return EncodedChat(Path(), 0, ids, np.arange(len(ids)) > 0)


def _logits(objective: ChatObjective, row: list[EncodedChat]) -> Tensor:
    """Return the logits of the last conversation of a batch that has the row twice."""
    logits, _, owners = objective.answer_logits([row, row])
    return logits[owners == 2 * len(row) - 1]


def _distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max())


def _error(what: str) -> ConfigError:
    return ConfigError(f"this model {what}; set it to false", field="hyperparameters.packing")
