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


class Forward:
    """Forward passes of one model; `tokens` counts what went through it, padding apart."""

    def __init__(self, model: torch.nn.Module, compute_dtype: DType = "float32") -> None:
        self.model = model
        self.device = next(model.parameters()).device
        self.compute_dtype = getattr(torch, compute_dtype)
        #: The model itself where peft wraps it.
        self.base_model = getattr(model, "get_base_model", lambda: model)()
        #: The arguments that the model takes.
        self.arguments = inspect.signature(self.base_model.forward).parameters
        self.tokens = 0

    def fits(self, rows: int, length: int, kept: int) -> bool:
        """Say whether a batch without gradients fits memory: `kept` logits in each of its rows."""
        vocabulary = self.model.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
        logits = rows * (kept if self.keeps_logits else length) * vocabulary * 4
        return rows * length <= _BATCH_TOKENS and logits <= _BATCH_LOGITS_BYTES

    @property
    def keeps_logits(self) -> bool:
        """True when the model gives the logits of chosen positions alone."""
        return "logits_to_keep" in self.arguments

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which forward passes are computed in the compute_dtype."""
        if self.compute_dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.compute_dtype)


class Objective(Forward):
    """Losses and scores of encoded rows under one model.

    With `classification`, a row's loss is the cross-entropy over its options' scores, a score
    being the mean log-probability of the option's tokens; otherwise the loss is the mean negative
    log-probability over all tokens of the right options.
    """

    def __init__(
        self, model: torch.nn.Module, *, classification: bool, compute_dtype: DType = "float32"
    ) -> None:
        super().__init__(model, compute_dtype)
        self.classification = classification

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
        of_rows = (sums / counts).split([len(row.options) for row in rows])
        losses = [
            -torch.log_softmax(scores, 0)[row.correct[0]]
            for row, scores in zip(rows, of_rows, strict=True)
        ]
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
        """Divide `order`, which goes from short to long, into batches that memory can hold."""
        batch: list[int] = []
        start = 0
        for index in order:
            option = flat[index]
            length, start = len(option.ids), min(start, option.start) if batch else option.start
            if batch and not self.fits(len(batch) + 1, length, length - start + 1):
                yield batch
                batch, start = [], option.start
            batch.append(index)
        if batch:
            yield batch

    def _first(self, options: Sequence[EncodedOption]) -> int:
        """Return the first position whose logits are needed: the one before the first option."""
        return min(option.start for option in options) - 1 if self.keeps_logits else 0

    def _option_sums(self, options: Sequence[EncodedOption]) -> tuple[Tensor, Tensor]:
        """Return per option the sum of its tokens' log-probabilities, and how many they are."""
        length = max(len(option.ids) for option in options)
        first = self._first(options)
        ids = torch.zeros(len(options), length, dtype=torch.long)
        attention = torch.zeros_like(ids)
        counted = torch.zeros(len(options), length, dtype=torch.bool)
        for index, option in enumerate(options):
            size = len(option.ids)
            ids[index, :size] = torch.tensor(option.ids)
            attention[index, :size] = 1
            counted[index, option.start : size] = True
        self.tokens += int(attention.sum())
        ids, attention, counted = (t.to(self.device) for t in (ids, attention, counted))
        keep = {"logits_to_keep": length - first} if self.keeps_logits else {}
        with self.autocast():
            logits = self.model(
                input_ids=ids, attention_mask=attention, use_cache=False, **keep
            ).logits
        # The logits at a position tell of the token after it; only those of options are compared.
        ids, counted = ids[:, first + 1 :], counted[:, first + 1 :]
        losses = F.cross_entropy(logits[:, :-1][counted].float(), ids[counted], reduction="none")
        sums = torch.zeros(counted.shape, device=self.device).masked_scatter(counted, -losses)
        return sums.sum(1), counted.sum(1)
