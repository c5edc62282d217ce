"""Log-probabilities of answer options, and the loss that training minimizes."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor

from penstock.training.encoding import EncodedOption, EncodedRow
from penstock.training.hyperparameters import DType

#: Limits of a batch without gradients: tokens, and bytes of logits.
_BATCH_TOKENS = 8192
_BATCH_LOGITS_BYTES = 256 * 1024**2

R = TypeVar("R")


class Objective(ABC, Generic[R]):
    """Forward passes of one model and their loss; `tokens` counts processed tokens, not padding."""

    def __init__(self, model: torch.nn.Module, compute_dtype: DType = "float32") -> None:
        self.model = model
        self.device = next(model.parameters()).device
        self.compute_dtype = getattr(torch, compute_dtype)
        #: The model inside the wrapper of peft, if there is one.
        self.base_model = getattr(model, "get_base_model", lambda: model)()
        #: The parameters of the model's `forward`.
        self.arguments = inspect.signature(self.base_model.forward).parameters
        self.tokens = 0

    @abstractmethod
    def weight(self, rows: Sequence[R]) -> int:
        """Return the weight of rows in a mean loss: their number, or that of answer tokens."""

    def input_rows(self, rows: Sequence[R]) -> Sequence[Any]:
        """Return the rows of the model's input; packing puts several conversations into one."""
        return rows

    @abstractmethod
    def loss(self, inputs: Sequence[Any], total_weight: int) -> Tensor:
        """Return the summed loss of the input rows over `total_weight`, a scalar with gradient."""

    @property
    def keeps_logits(self) -> bool:
        """True if the model can return the logits of chosen positions only."""
        return "logits_to_keep" in self.arguments

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which forward passes are computed in the compute_dtype."""
        if self.compute_dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.compute_dtype)

    def fits(self, rows: int, length: int, kept: int) -> bool:
        """Return True if a batch without gradients fits memory, with `kept` logits per row."""
        vocabulary = self.model.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
        logits = rows * (kept if self.keeps_logits else length) * vocabulary * 4
        return rows * length <= _BATCH_TOKENS and logits <= _BATCH_LOGITS_BYTES


class OptionObjective(Objective[EncodedRow]):
    """Losses and scores of benchmark rows.

    The score of an option is the mean log-probability of its tokens. With `classification` the
    loss of a row is the cross-entropy over the scores of its options; otherwise the loss is the
    mean negative log-probability over all tokens of the correct options.
    """

    def __init__(
        self, model: torch.nn.Module, *, classification: bool, compute_dtype: DType = "float32"
    ) -> None:
        super().__init__(model, compute_dtype)
        self.classification = classification

    def weight(self, rows: Sequence[EncodedRow]) -> int:
        if self.classification:
            return len(rows)
        return sum(len(row.answer.ids) - row.answer.start for row in rows)

    def loss(self, inputs: Sequence[EncodedRow], total_weight: int) -> Tensor:
        if not self.classification:
            sums, _ = self._log_probabilities([row.answer for row in inputs])
            return -sums.sum() / total_weight
        sums, counts = self._log_probabilities([option for row in inputs for option in row.options])
        row_scores = (sums / counts).split([len(row.options) for row in inputs])
        losses = [
            -torch.log_softmax(scores, 0)[row.correct[0]]
            for row, scores in zip(inputs, row_scores, strict=True)
        ]
        return torch.stack(losses).sum() / total_weight

    @torch.no_grad()
    def option_scores(self, rows: Sequence[EncodedRow]) -> list[list[float]]:
        """Return the score of each option of each row.

        Options are sorted by length and padded per batch, so that there is little padding.
        """
        options = [option for row in rows for option in row.options]
        order = sorted(range(len(options)), key=lambda index: (len(options[index].ids), index))
        scores = [0.0] * len(options)
        for batch in self._batches(options, order):
            sums, counts = self._log_probabilities([options[index] for index in batch])
            for index, score in zip(batch, (sums / counts).tolist(), strict=True):
                scores[index] = score
        remaining = iter(scores)
        return [[next(remaining) for _ in row.options] for row in rows]

    def _batches(
        self, options: Sequence[EncodedOption], order: Sequence[int]
    ) -> Iterator[list[int]]:
        """Divide `order`, which goes from short to long, into batches that fit memory."""
        batch: list[int] = []
        start = 0
        for index in order:
            option = options[index]
            length, start = len(option.ids), min(start, option.start) if batch else option.start
            if batch and not self.fits(len(batch) + 1, length, length - start + 1):
                yield batch
                batch, start = [], option.start
            batch.append(index)
        if batch:
            yield batch

    def _log_probabilities(self, options: Sequence[EncodedOption]) -> tuple[Tensor, Tensor]:
        """Return, per option, the sum of its tokens' log-probabilities and their number."""
        length = max(len(option.ids) for option in options)
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
        # The logits at a position predict the next token; only those of options are needed.
        first = min(option.start for option in options) - 1 if self.keeps_logits else 0
        keep = {"logits_to_keep": length - first} if self.keeps_logits else {}
        with self.autocast():
            logits = self.model(
                input_ids=ids, attention_mask=attention, use_cache=False, **keep
            ).logits
        ids, counted = ids[:, first + 1 :], counted[:, first + 1 :]
        losses = F.cross_entropy(logits[:, :-1][counted].float(), ids[counted], reduction="none")
        sums = torch.zeros(counted.shape, device=self.device).masked_scatter(counted, -losses)
        return sums.sum(1), counted.sum(1)
