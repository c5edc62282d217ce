"""How likely the answers of conversations are, alone in their rows or packed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody reads
from numpy.typing import NDArray
from torch import Tensor

from penstock.training.chat.packing import pack
from penstock.training.chat.template import EncodedChat
from penstock.training.hyperparameters import DType
from penstock.training.objective import Forward

#: Conversations that stand one after the other in one row of tokens.
ChatsOfRow = list[EncodedChat]


class ChatObjective(Forward):
    """Losses of conversations under one model: the negative log-probability of answer tokens.

    With `packing`, rows hold several conversations up to `max_length` tokens. Positions begin anew
    with each, by which transformers keeps attention within it; `require_apart` tries whether this
    model's does.
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

    def rows_of(self, chats: Sequence[EncodedChat]) -> list[ChatsOfRow]:
        """Return the rows that conversations make."""
        return [[chats[index] for index in row] for row in self._rows(chats)]

    def loss(self, rows: Sequence[ChatsOfRow], total_weight: int) -> Tensor:
        """Return these rows' share of a mean over `total_weight` answer tokens, with gradient."""
        return self.sums(rows).sum() / total_weight

    @torch.no_grad()
    def losses(self, chats: Sequence[EncodedChat]) -> list[float]:
        """Return the sum of the losses of each conversation's answer tokens, in nats."""
        losses = [0.0] * len(chats)
        for rows in self._batches(chats, self._rows(chats)):
            sums = self.sums([[chats[index] for index in row] for row in rows]).tolist()
            for index, loss in zip((index for row in rows for index in row), sums, strict=True):
                losses[index] = loss
        return losses

    def sums(self, rows: Sequence[ChatsOfRow]) -> Tensor:
        """Return the sum of the losses of each conversation, row after row: one forward pass.

        Float32, one value a conversation, with gradient.
        """
        logits, targets, owners = self.answer_logits(rows)
        losses = F.cross_entropy(logits, targets, reduction="none")
        sums = torch.zeros(sum(map(len, rows)), device=self.device)
        return sums.index_add(0, owners, losses)

    def answer_logits(self, rows: Sequence[ChatsOfRow]) -> tuple[Tensor, Tensor, Tensor]:
        """Return what a forward pass says of all answer tokens of rows.

        Logits (float32, tokens x vocabulary), the tokens themselves, and the number of the
        conversation that each is of, row after row (both int64, one a token).
        """
        ids, positions, owners = (torch.from_numpy(array) for array in _lay_out(rows))
        self.tokens += sum(len(chat.ids) for row in rows for chat in row)
        # The logits at a position tell of the token after it; only those of answers are needed.
        owners = owners[:, 1:]
        columns = (owners >= 0).any(0).nonzero()[:, 0]
        owners, targets = (t[:, columns].to(self.device) for t in (owners, ids[:, 1:]))
        columns = columns.to(self.device)
        options = {"logits_to_keep": columns} if self.keeps_logits else {}
        if self.packing:
            options["position_ids"] = positions.to(self.device)
        with self.autocast():
            # No token attends to the padding, which is on the right of all.
            logits = self.model(input_ids=ids.to(self.device), use_cache=False, **options).logits
        if not self.keeps_logits:
            logits = logits[:, columns]
        trained = owners >= 0
        return logits[trained].float(), targets[trained], owners[trained]

    def _rows(self, chats: Sequence[EncodedChat]) -> list[list[int]]:
        if self.packing:
            return pack([len(chat.ids) for chat in chats], self.max_length)
        return [[index] for index in range(len(chats))]

    def _batches(
        self, chats: Sequence[EncodedChat], rows: list[list[int]]
    ) -> Iterator[list[list[int]]]:
        """Divide rows of indices into batches that memory can hold, the short ones first."""
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


def _lay_out(
    rows: Sequence[ChatsOfRow],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return ids, positions, and whose answer each token is (-1: nobody's), a row each.

    Rows are padded on the right to the longest; the padding has positions of its own, as if it were
    a conversation.
    """
    length = max(sum(len(chat.ids) for chat in row) for row in rows)
    ids = np.zeros((len(rows), length), np.int64)
    positions, owners = np.zeros_like(ids), np.full_like(ids, -1)
    number = 0
    for index, row in enumerate(rows):
        start = 0
        for chat in row:
            stop = start + len(chat.ids)
            ids[index, start:stop] = chat.ids
            positions[index, start:stop] = np.arange(stop - start)
            owners[index, start:stop][chat.trained] = number
            start, number = stop, number + 1
        positions[index, start:] = np.arange(length - start)
    return ids, positions, owners
