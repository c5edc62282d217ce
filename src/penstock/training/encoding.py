"""Benchmark rows to tokens: each option of a row after its prompt, and where the option starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.errors import ConfigError
from penstock.tasks import GenerationTask, Row, Task


@dataclass(frozen=True)
class EncodedOption:
    """Token ids of prompt and option; the option is `ids[start:]`, at least one token."""

    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class EncodedRow:
    """A row as tokens. `correct` holds indices of options, the trained one first."""

    row: Row
    options: tuple[EncodedOption, ...]
    correct: tuple[int, ...]

    @property
    def answer(self) -> EncodedOption:
        """The option whose probability training raises."""
        return self.options[self.correct[0]]


class Encoder:
    """Encodes the rows of a task.

    As in MeZO, an option has as many tokens as prompt and option together have more than the
    prompt. Sequences longer than `max_length` are truncated on the left, except for a BOS token;
    `truncated` counts such rows. `positions` is the model's maximum length, if it has one.
    """

    def __init__(
        self, task: Task, tokenizer: Any, max_length: int, positions: int | None = None
    ) -> None:
        self.task = task
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.positions = positions
        self.truncated = 0
        #: Tokens reserved for a generated answer.
        self.reserved = task.max_new_tokens if isinstance(task, GenerationTask) else 0
        if self.reserved >= max_length:
            raise length_error(
                f"an answer may have {self.reserved} tokens, which leaves nothing of {max_length} "
                "for its prompt"
            )

    def encode(self, rows: Sequence[Row]) -> list[EncodedRow]:
        """Return the rows encoded, in their order.

        Raises ConfigError for an option that does not fit in `max_length`, and for a row longer
        than the model's positions.
        """
        prompts = [self._prompt(row) for row in rows]
        options = [self.task.options(row) for row in rows]
        prompt_lengths = [len(ids) for ids in self._ids(prompts)]
        texts = [
            p + o for p, row_options in zip(prompts, options, strict=True) for o in row_options
        ]
        ids = iter(self._ids([text.rstrip(" ") for text in texts]))
        encoded = []
        for row, choices, prompt_length in zip(rows, options, prompt_lengths, strict=True):
            option_ids = [next(ids) for _ in choices]
            self.truncated += any(len(one) > self.max_length for one in option_ids)
            kept = tuple(self._option(one, prompt_length) for one in option_ids)
            generated = min(prompt_length, self.max_length - self.reserved) + self.reserved
            longest = max(generated, *(len(option.ids) for option in kept))
            check_positions("a row", longest, self.positions)
            encoded.append(EncodedRow(row, kept, self.task.correct(row)))
        return encoded

    def prompts(self, rows: Sequence[Row]) -> list[list[int]]:
        """Return the token ids of the prompts of a task with generated answers."""
        limit = self.max_length - self.reserved
        return [self._truncate(ids, limit) for ids in self._ids([self._prompt(r) for r in rows])]

    def _prompt(self, row: Row) -> str:
        # A space at either end would become a token of its own.
        return self.task.prompt(row).strip(" ")

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return self.tokenizer(texts)["input_ids"] if texts else []

    def _option(self, ids: list[int], prompt_length: int) -> EncodedOption:
        # Where prompt and option merge into fewer tokens, the last one still counts.
        length = max(1, len(ids) - prompt_length)
        if length >= self.max_length:
            raise length_error(
                f"an option has {length} tokens, and prompt and option may have {self.max_length}"
            )
        kept = self._truncate(ids, self.max_length)
        # One token must precede the option, or nothing predicts its first token.
        return EncodedOption(tuple(kept), max(1, len(kept) - length))

    def _truncate(self, ids: list[int], limit: int) -> list[int]:
        if len(ids) <= limit:
            return ids
        if ids[0] == self.tokenizer.bos_token_id:
            return [ids[0], *ids[len(ids) - limit + 1 :]]
        return ids[len(ids) - limit :]


def check_positions(what: str, length: int, positions: int | None) -> None:
    """Raise ConfigError if `length` tokens exceed the model's positions."""
    if positions is not None and length > positions:
        raise length_error(
            f"{what} has {length:,} tokens and the model {positions:,} positions; set it to "
            f"{positions} or less"
        )


def length_error(message: str) -> ConfigError:
    """Return an error about `max_length`."""
    return ConfigError(message, field="hyperparameters.max_length")
