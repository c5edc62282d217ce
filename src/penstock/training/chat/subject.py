"""Conversations as what a run learns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch

from penstock.errors import ConfigError
from penstock.formats.chat import ChatRow
from penstock.runs import RunConfig, perplexity
from penstock.training.chat.apart import require_apart
from penstock.training.chat.objective import ChatObjective
from penstock.training.chat.rows import read_splits
from penstock.training.chat.template import ChatTemplate, EncodedChat
from penstock.training.data import EVALUATION_SEED, sample
from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods import LossPart
from penstock.training.model import load_tokenizer, position_limit
from penstock.training.subject import Say, Score, Subject


class Chat(Subject[EncodedChat]):
    """Chat rows whose answers are trained; the score is the mean loss of their tokens."""

    objective: ChatObjective

    def __init__(
        self, config: RunConfig, values: Hyperparameters, template: str | None, say: Say
    ) -> None:
        self._values = values
        self._say = say
        found = read_splits(config.data)
        self.evaluation_split = found.evaluation_split
        self.tokenizer = load_tokenizer(config.model)
        self._template = ChatTemplate(self.tokenizer, template, last_only=values.mask_history)
        self._limit = position_limit(config.model)
        drawn = sample(found.train, values.train_samples, values.seed, keep_order=False)
        self.train = self._encode("train", drawn)
        self.dev = self._encode("validation", _fixed(found.dev, values.dev_samples))
        self.evaluation = self._encode(
            self.evaluation_split, _fixed(found.evaluation, values.eval_samples)
        )
        self.evaluation_tokens = sum(chat.answer_tokens for chat in self.evaluation)
        self._tell(len(found.train), len(found.dev), len(found.evaluation))

    def attach(self, model: torch.nn.Module) -> None:
        """Take the model that the method has prepared.

        Raises ConfigError for one that lets packed conversations see each other.
        """
        self.objective = ChatObjective(
            model,
            packing=self._values.packing,
            max_length=self._values.max_length,
            compute_dtype=self._values.compute_dtype,
        )
        if self._values.packing:
            require_apart(self.objective)

    def parts(self, rows: Sequence[EncodedChat], batch_size: int) -> list[LossPart]:
        """Return the parts of the mean over all answer tokens of the step.

        Packed, the conversations of a step make fewer rows, and so fewer parts.
        """
        weight = sum(chat.answer_tokens for chat in rows)
        packed = self.objective.rows_of(rows)
        groups = [packed[i : i + batch_size] for i in range(0, len(packed), batch_size)]
        return [lambda group=group: self.objective.loss(group, weight) for group in groups]  # type: ignore[misc]

    def score(self, rows: Sequence[EncodedChat]) -> Score:
        """Return loss and perplexity over all answer tokens, and the loss of each conversation."""
        losses = self.objective.losses(rows)
        loss = sum(losses) / sum(chat.answer_tokens for chat in rows)
        lines = [
            {
                "file": str(chat.file),
                "number": chat.number,
                "answer_tokens": chat.answer_tokens,
                "loss": own / chat.answer_tokens,
            }
            for chat, own in zip(rows, losses, strict=True)
        ]
        return Score({"loss": loss, "perplexity": perplexity(loss)}, loss, lines)

    def _encode(self, split: str, rows: Sequence[ChatRow]) -> list[EncodedChat]:
        """Return the rows encoded, those above max_length treated as `too_long` says."""
        encoded = self._template.encode(rows)
        limit, choice = self._values.max_length, self._values.too_long
        long = [chat for chat in encoded if len(chat.ids) > limit]
        if long and choice == "error":
            raise _too_long(split, long, len(encoded), limit)
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
            self._say(
                f"{split}: of {len(encoded)} rows {len(long)} have over {limit} tokens: "
                f"{dropped} left out, {len(long) - dropped} cut at their end"
            )
        if not kept:
            raise _length_error(f"leaves no row of {split}; raise it")
        self._require_positions(split, kept)
        return kept

    def _require_positions(self, split: str, chats: Sequence[EncodedChat]) -> None:
        longest = max(len(chat.ids) for chat in chats)
        if self._limit is not None and longest > self._limit:
            raise _length_error(
                f"a row of {split} has {longest:,} tokens and the model {self._limit:,} positions; "
                f"set it to {self._limit} or less"
            )

    def _tell(self, train: int, dev: int, evaluation: int) -> None:
        """Say which rows have which role, and what is trained of them."""
        self._say(
            f"Training on {len(self.train)} of {train} rows, choosing on {len(self.dev)} of {dev} "
            f"(validation), evaluating on {len(self.evaluation)} of {evaluation} "
            f"({self.evaluation_split})"
        )
        tokens = sum(len(chat.ids) for chat in self.train)
        trained = sum(chat.answer_tokens for chat in self.train)
        how = "the marks of the chat template" if self._template.marked else "their headers"
        self._say(f"{trained:,} of {tokens:,} training tokens are answers, found by {how}")
        ends = Counter(int(chat.ids[chat.trained][-1]) for chat in self.train)
        names = self.tokenizer.convert_ids_to_tokens([token for token, _ in ends.most_common(3)])
        self._say(f"Answers end with {', '.join(names)}")
        if self._template.marked and ends.most_common(1)[0][0] not in self._template.special:
            self._say("The marks leave out the end of a turn: the model is not taught to end one")
        if self._template.dated:
            self._say("The chat template writes today's date: it is given 26 July 2024")


def _fixed(rows: list[ChatRow], count: int | None) -> list[ChatRow]:
    """Return a sample that is the same whatever the run's seed."""
    return sample(rows, count, EVALUATION_SEED, keep_order=True)


def _too_long(split: str, long: Sequence[EncodedChat], rows: int, limit: int) -> ConfigError:
    first, longest = long[0], max(len(chat.ids) for chat in long)
    return _length_error(
        f"{len(long)} of {rows} rows of {split} have over {limit} tokens, the first at "
        f"{first.file}:{first.number}, the longest {longest}; raise it, or say what becomes of "
        "them with too_long: drop or truncate"
    )


def _length_error(message: str) -> ConfigError:
    return ConfigError(message, field="hyperparameters.max_length")
