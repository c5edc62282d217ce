"""Conversations as training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch

from penstock.formats.chat import ChatRow
from penstock.runs import RunConfig, perplexity
from penstock.training.chat.objective import ChatObjective, check_packing_isolation
from penstock.training.chat.splits import ChatRows
from penstock.training.chat.template import ChatTemplate, EncodedChat
from penstock.training.data import Evaluation, Log, TrainingData, evaluation_sample, sample
from penstock.training.encoding import check_positions, length_error
from penstock.training.hyperparameters import Hyperparameters
from penstock.training.model import load_tokenizer, position_limit


class ChatData(TrainingData[EncodedChat]):
    """Chat rows whose answers are trained; the score is the mean loss of the answer tokens."""

    objective: ChatObjective

    def __init__(
        self, config: RunConfig, hyperparameters: Hyperparameters, template: str | None, log: Log
    ) -> None:
        self._hyperparameters = hyperparameters
        self._log = log
        rows = ChatRows(config.data).by_split()
        if "test" in rows:
            self.evaluation_split = "test"
        self.tokenizer = load_tokenizer(config.model)
        self._template = ChatTemplate(
            self.tokenizer, template, last_only=hyperparameters.mask_history
        )
        self._limit = position_limit(config.model)
        train, dev, evaluation = rows["train"], rows["validation"], rows[self.evaluation_split]
        drawn = sample(train, hyperparameters.train_samples, hyperparameters.seed)
        self.train = self._encode("train", drawn)
        drawn = evaluation_sample(dev, hyperparameters.dev_samples)
        self.dev = self._encode("validation", drawn)
        drawn = evaluation_sample(evaluation, hyperparameters.eval_samples)
        self.evaluation = self._encode(self.evaluation_split, drawn)
        self.evaluation_tokens = sum(chat.answer_tokens for chat in self.evaluation)
        log(
            f"Training on {len(self.train)} of {len(train)} rows, choosing on {len(self.dev)} of "
            f"{len(dev)} (validation), evaluating on {len(self.evaluation)} of {len(evaluation)} "
            f"({self.evaluation_split})"
        )
        self._log_answers()

    def attach(self, model: torch.nn.Module) -> None:
        """Create the objective for the model that the method has prepared.

        Raises ConfigError for a model that cannot keep packed conversations isolated.
        """
        self.objective = ChatObjective(
            model,
            packing=self._hyperparameters.packing,
            max_length=self._hyperparameters.max_length,
            compute_dtype=self._hyperparameters.compute_dtype,
        )
        if self._hyperparameters.packing:
            check_packing_isolation(self.objective)

    def evaluate(self, rows: Sequence[EncodedChat]) -> Evaluation:
        """Return loss and perplexity over all answer tokens, and the loss per conversation."""
        losses = self.objective.losses(rows)
        loss = sum(losses) / sum(chat.answer_tokens for chat in rows)
        lines = [
            {
                "file": str(chat.file),
                "number": chat.number,
                "answer_tokens": chat.answer_tokens,
                "loss": chat_loss / chat.answer_tokens,
            }
            for chat, chat_loss in zip(rows, losses, strict=True)
        ]
        return Evaluation({"loss": loss, "perplexity": perplexity(loss)}, loss, lines)

    def _encode(self, split: str, rows: Sequence[ChatRow]) -> list[EncodedChat]:
        """Return the rows encoded; `too_long` decides about those above max_length."""
        encoded = self._template.encode(rows)
        limit, choice = self._hyperparameters.max_length, self._hyperparameters.too_long
        long = [chat for chat in encoded if len(chat.ids) > limit]
        if long and choice == "error":
            raise length_error(
                f"{len(long)} of {len(encoded)} rows of {split} have over {limit} tokens, the "
                f"first at {long[0].file}:{long[0].number}, the longest "
                f"{max(len(chat.ids) for chat in long)}; raise it, or set too_long to drop or "
                "truncate"
            )
        kept = [
            replace(chat, ids=chat.ids[:limit], trained=chat.trained[:limit])
            for chat in encoded
            if choice == "truncate" or len(chat.ids) <= limit
        ]
        kept = [chat for chat in kept if chat.answer_tokens]
        dropped = len(encoded) - len(kept)
        self.dropped += dropped
        self.truncated += len(long) - dropped
        if long:
            self._log(
                f"{split}: of {len(encoded)} rows {len(long)} have over {limit} tokens: "
                f"{dropped} dropped, {len(long) - dropped} truncated at their end"
            )
        if not kept:
            raise length_error(f"leaves no row of {split}; raise it")
        longest = max(len(chat.ids) for chat in kept)
        check_positions(f"a row of {split}", longest, self._limit)
        return kept

    def _log_answers(self) -> None:
        tokens = sum(len(chat.ids) for chat in self.train)
        trained = sum(chat.answer_tokens for chat in self.train)
        how = "the marks of the chat template" if self._template.marked else "their headers"
        self._log(f"{trained:,} of {tokens:,} training tokens are answers, found by {how}")
        ends = Counter(int(chat.ids[chat.trained][-1]) for chat in self.train)
        names = self.tokenizer.convert_ids_to_tokens([token for token, _ in ends.most_common(3)])
        self._log(f"Answers end with {', '.join(names)}")
        if self._template.marked and ends.most_common(1)[0][0] not in self._template.special:
            self._log(
                "The marks exclude the end-of-turn token: the model does not learn to end a turn"
            )
        if self._template.dated:
            self._log("The chat template writes today's date: it is set to 26 July 2024")
