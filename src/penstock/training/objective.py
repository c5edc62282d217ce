"""How likely the options are, and the loss that training lowers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody reads
from torch import Tensor

from penstock.training.encoding import EncodedOption, EncodedRow
from penstock.training.hyperparameters import DType

#: Without gradients, a batch holds at most this many tokens and this many bytes of logits.
_BATCH_TOKENS = 8192
_BATCH_LOGITS_BYTES = 256 * 1024**2


class Objective:
    """Losses and scores of encoded rows under one model.

    With `classification`, a row's loss is the cross-entropy over its options' scores, a score
    being the mean log-probability of the option's tokens; otherwise the loss is the mean negative
    log-probability over all tokens of the right options.
    """

    def __init__(
        self, model: torch.nn.Module, *, classification: bool, compute_dtype: DType = "float32"
    ) -> None:
        self.model = model
        self.classification = classification
        self.device = next(model.parameters()).device
        self._compute_dtype = getattr(torch, compute_dtype)
        forward = getattr(model, "get_base_model", lambda: model)().forward
        self._keeps_logits = "logits_to_keep" in inspect.signature(forward).parameters
        self.tokens = 0

    def weight(self, rows: Sequence[EncodedRow]) -> int:
        """Return what the rows count for in a mean: rows, or tokens of their answers."""
        if self.classification:
            return len(rows)
        return sum(len(row.answer.ids) - row.answer.start for row in rows)

    def loss(self, rows: Sequence[EncodedRow], total_weight: int) -> Tensor:
        """Return these rows' share of a mean loss over `total_weight`, a scalar with gradient."""
        if not self.classification:
            sums, _ = self._option_sums([row.answer for row in rows])
            return -sums.sum() / total_weight
        sums, counts = self._option_sums([option for row in rows for option in row.options])
        losses, position = [], 0
        for row in rows:
            scores = (sums / counts)[position : position + len(row.options)]
            losses.append(-torch.log_softmax(scores, 0)[row.correct[0]])
            position += len(row.options)
        return torch.stack(losses).sum() / total_weight

    @torch.no_grad()
    def option_scores(self, rows: Sequence[EncodedRow]) -> list[list[float]]:
        """Return the score of each option of each row: the mean log-probability of its tokens.

        Options are sorted by length and padded once a batch, so that little is padding.
        """
        flat = [option for row in rows for option in row.options]
        order = sorted(range(len(flat)), key=lambda index: (len(flat[index].ids), index))
        scores = [0.0] * len(flat)
        for batch in self._batches(flat, order):
            sums, counts = self._option_sums([flat[index] for index in batch])
            for index, score in zip(batch, (sums / counts).tolist(), strict=True):
                scores[index] = score
        found = iter(scores)
        return [[next(found) for _ in row.options] for row in rows]

    def _batches(self, flat: Sequence[EncodedOption], order: Sequence[int]) -> Iterator[list[int]]:
        vocabulary = self.model.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
        batch: list[int] = []
        for index in order:
            length = len(flat[index].ids)
            first = min(flat[i].start for i in (*batch[:1], index))
            kept = (
                (length - first + 1) * vocabulary * 4
                if self._keeps_logits
                else length * vocabulary * 4
            )
            size = len(batch) + 1
            if batch and (size * length > _BATCH_TOKENS or size * kept > _BATCH_LOGITS_BYTES):
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def _option_sums(self, options: Sequence[EncodedOption]) -> tuple[Tensor, Tensor]:
        """Return per option the sum of its tokens' log-probabilities, and how many they are."""
        length = max(len(option.ids) for option in options)
        first = min(option.start for option in options) - 1
        ids = torch.zeros(len(options), length, dtype=torch.long)
        attention = torch.zeros_like(ids)
        counted = torch.zeros(len(options), length, dtype=torch.float32)
        for index, option in enumerate(options):
            size = len(option.ids)
            ids[index, :size] = torch.tensor(option.ids)
            attention[index, :size] = 1
            counted[index, option.start : size] = 1
        ids, attention, counted = (t.to(self.device) for t in (ids, attention, counted))
        self.tokens += int(attention.sum())
        keep = {"logits_to_keep": length - first} if self._keeps_logits else {}
        with self._autocast():
            logits = self.model(
                input_ids=ids, attention_mask=attention, use_cache=False, **keep
            ).logits
        if not self._keeps_logits:
            logits = logits[:, first:]
        losses = F.cross_entropy(
            logits[:, :-1].float().flatten(0, 1), ids[:, first + 1 :].flatten(), reduction="none"
        ).view(len(options), -1)
        counted = counted[:, first + 1 :]
        return -(losses * counted).sum(1), counted.sum(1)

    def _autocast(self) -> AbstractContextManager[object]:
        if self._compute_dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self._compute_dtype)
