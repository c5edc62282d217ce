"""The loss of answers in conversations, packed into shared rows or one per row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from numpy.typing import NDArray
from torch import Tensor

from penstock.errors import ConfigError
from penstock.training.chat.template import EncodedChat
from penstock.training.hyperparameters import DType
from penstock.training.objective import Objective

#: Consecutive conversations in one input row.
PackedRow = list[EncodedChat]


class ChatObjective(Objective[EncodedChat]):
    """Losses of conversations: the negative log-probability of answer tokens.

    With `packing`, input rows hold several conversations up to `max_length` tokens. Positions
    restart with each, by which transformers restricts attention to it;
    `check_packing_isolation` verifies that this model does.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        packing: bool,
        max_length: int,
        compute_dtype: DType = "float32",
    ) -> None:
        super().__init__(model, compute_dtype)
        self.packing = packing
        self.max_length = max_length

    def weight(self, rows: Sequence[EncodedChat]) -> int:
        return sum(chat.answer_tokens for chat in rows)

    def input_rows(self, rows: Sequence[EncodedChat]) -> list[PackedRow]:
        return [[rows[index] for index in row] for row in self._input_indices(rows)]

    def loss(self, inputs: Sequence[PackedRow], total_weight: int) -> Tensor:
        return self.sums(inputs).sum() / total_weight

    @torch.no_grad()
    def losses(self, chats: Sequence[EncodedChat]) -> list[float]:
        """Return the summed loss of each conversation's answer tokens, in nats."""
        losses = [0.0] * len(chats)
        for rows in self._batches(chats, self._input_indices(chats)):
            sums = self.sums([[chats[index] for index in row] for row in rows]).tolist()
            for index, loss in zip((index for row in rows for index in row), sums, strict=True):
                losses[index] = loss
        return losses

    def sums(self, inputs: Sequence[PackedRow]) -> Tensor:
        """Return the summed loss of each conversation, row after row, in one forward pass.

        Float32, one value per conversation, with gradient.
        """
        logits, targets, owners = self.answer_logits(inputs)
        losses = F.cross_entropy(logits, targets, reduction="none")
        sums = torch.zeros(sum(map(len, inputs)), device=self.device)
        return sums.index_add(0, owners, losses)

    def answer_logits(self, inputs: Sequence[PackedRow]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the predictions of all answer tokens in one forward pass.

        Logits (float32, tokens x vocabulary), the tokens, and the index of each token's
        conversation, counted row after row (both int64, one per token).
        """
        ids, positions, owners = (torch.from_numpy(array) for array in _input_arrays(inputs))
        self.tokens += sum(len(chat.ids) for row in inputs for chat in row)
        # The logits at a position predict the next token; only those of answers are needed.
        owners = owners[:, 1:]
        columns = (owners >= 0).any(0).nonzero()[:, 0]
        owners, targets = (t[:, columns].to(self.device) for t in (owners, ids[:, 1:]))
        columns = columns.to(self.device)
        options = {"logits_to_keep": columns} if self.keeps_logits else {}
        if self.packing:
            options["position_ids"] = positions.to(self.device)
        with self.autocast():
            # Padding is on the right, where no token attends to it.
            logits = self.model(input_ids=ids.to(self.device), use_cache=False, **options).logits
        if not self.keeps_logits:
            logits = logits[:, columns]
        trained = owners >= 0
        return logits[trained].float(), targets[trained], owners[trained]

    def _input_indices(self, chats: Sequence[EncodedChat]) -> list[list[int]]:
        if self.packing:
            return pack_best_fit([len(chat.ids) for chat in chats], self.max_length)
        return [[index] for index in range(len(chats))]

    def _batches(
        self, chats: Sequence[EncodedChat], rows: list[list[int]]
    ) -> Iterator[list[list[int]]]:
        """Divide rows of indices into batches that fit memory, the shortest rows first."""
        sizes = [
            (sum(len(chats[i].ids) for i in row), sum(chats[i].answer_tokens for i in row), row)
            for row in rows
        ]
        batch: list[list[int]] = []
        kept = 0
        for length, answers, row in sorted(sizes):
            kept += answers
            if batch and not self.fits(len(batch) + 1, length, min(kept, length)):
                yield batch
                batch, kept = [], answers
            batch.append(row)
        if batch:
            yield batch


def pack_best_fit(lengths: Sequence[int], max_length: int) -> list[list[int]]:
    """Return rows of conversation indices with at most `max_length` tokens each.

    Rows are in the order of their first conversations, and a row's conversations in theirs.
    `lengths` are in tokens, from 1 to `max_length`.
    """
    from penstock.kernels.packing import best_fit

    bounds = np.array([0, len(lengths)], np.int64)
    row_of = best_fit(np.asarray(lengths, np.int32), bounds, max_length)
    rows: dict[int, list[int]] = {}
    for index, row in enumerate(row_of.tolist()):
        rows.setdefault(row, []).append(index)
    return list(rows.values())


def _input_arrays(
    inputs: Sequence[PackedRow],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return ids, positions, and the conversation whose answer each token is (-1: none).

    Shape (rows, longest row), padded on the right; the padding has positions of its own, like a
    conversation.
    """
    length = max(sum(len(chat.ids) for chat in row) for row in inputs)
    ids = np.zeros((len(inputs), length), np.int64)
    positions, owners = np.zeros_like(ids), np.full_like(ids, -1)
    number = 0
    for index, row in enumerate(inputs):
        start = 0
        for chat in row:
            stop = start + len(chat.ids)
            ids[index, start:stop] = chat.ids
            positions[index, start:stop] = np.arange(stop - start)
            owners[index, start:stop][chat.trained] = number
            start, number = stop, number + 1
        positions[index, start:] = np.arange(length - start)
    return ids, positions, owners


#: Tokens of each conversation in the isolation check.
_CHECK_LENGTH = 12
#: Tolerated differences of logits, relative to the largest. After another conversation the sums
#: of a conversation are identical to the last bit, except in mixtures of experts; in a row of its
#: own they are computed in another order.
_SAME_POSITION = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}
_OWN_ROW = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}


@torch.no_grad()
def check_packing_isolation(objective: ChatObjective) -> None:
    """Raise ConfigError if a packed conversation changes the logits of the next one in its row.

    State that runs along a row (Mamba, convolutions), positions that a model counts itself, and
    attention that honours positions only in batches of one row (flash attention in transformers)
    leak one conversation into the next, which the loss does not show.
    """
    if "position_ids" not in objective.arguments:
        raise _packing_error("takes no position_ids, which isolate packed conversations")
    tokens = objective.tokens
    vocabulary = objective.model.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
    drawn = np.random.default_rng(0).integers(0, vocabulary, (3, _CHECK_LENGTH), np.int32)
    one, another, probe = (
        EncodedChat(Path(), 0, ids, np.arange(_CHECK_LENGTH) > 0) for ids in drawn
    )

    def probe_logits(row: PackedRow) -> Tensor:
        """Return the logits of the last conversation in a batch of two equal rows."""
        logits, _, owners = objective.answer_logits([row, row])
        return logits[owners == 2 * len(row) - 1]

    def differs(one: Tensor, other: Tensor, tolerance: float) -> bool:
        # Comparing NaN is false: it proves no isolation.
        return not float((one - other).abs().max() / one.abs().max()) <= tolerance

    expected = probe_logits([one, probe])
    weights = next(objective.model.parameters()).dtype
    dtype = max(weights, objective.compute_dtype, key=lambda dtype: torch.finfo(dtype).eps)
    if differs(expected, probe_logits([another, probe]), _SAME_POSITION[dtype]):
        raise _packing_error("lets a packed conversation see the one before it")
    if differs(expected, probe_logits([probe]), _OWN_ROW[dtype]):
        raise _packing_error("gives a packed conversation other logits than in its own row")
    objective.tokens = tokens


def _packing_error(problem: str) -> ConfigError:
    return ConfigError(f"this model {problem}; set it to false", field="hyperparameters.packing")
