"""Rows to tokens: each row's options after its prompt, and where each option begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.errors import ConfigError
from penstock.tasks import GenerationTask, Row, Task


@dataclass(frozen=True)
class EncodedOption:
    """Token ids of prompt and option; the option's own are `ids[start:]`, at least one."""

    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class EncodedRow:
    """A row as the model sees it. `correct` are indices of options, the trained one first."""

    row: Row
    options: tuple[EncodedOption, ...]
    correct: tuple[int, ...]

    @property
    def answer(self) -> EncodedOption:
        """The option that training makes likely."""
        return self.options[self.correct[0]]


class Encoder:
    """Turns the rows of a task into tokens.

    An option's tokens are those by which prompt and option together are longer than the prompt
    alone, as in MeZO. What is longer than `max_length` loses tokens at its beginning, the BOS
    token excepted; `cut` counts such rows. `positions` is the most that the model can take, where
    it has a limit.
    """

    def __init__(
        self, task: Task, tokenizer: Any, max_length: int, positions: int | None = None
    ) -> None:
        self.task = task
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.positions = positions
        self.cut = 0
        #: The tokens that a written answer takes.
        self.reserved = task.max_new_tokens if isinstance(task, GenerationTask) else 0
        if self.reserved >= max_length:
            raise _length_error(
                f"an answer may have {self.reserved} tokens, which leaves nothing of {max_length} "
                "for its prompt"
            )

    def encode(self, rows: Sequence[Row]) -> list[EncodedRow]:
        """Return the rows encoded, in their order.

        Raises ConfigError for an option that `max_length` has no room for, and for what is longer
        than the model's positions.
        """
        prompts = [self._prompt(row) for row in rows]
        options = [self.task.options(row) for row in rows]
        prompt_lengths = [len(ids) for ids in self._ids(prompts)]
        texts = [p + o for p, some in zip(prompts, options, strict=True) for o in some]
        ids = iter(self._ids([text.rstrip(" ") for text in texts]))
        encoded = []
        for row, some, prompt_length in zip(rows, options, prompt_lengths, strict=True):
            together = [self._option(next(ids), prompt_length) for _ in some]
            self.cut += any(was_cut for _, was_cut in together)
            kept = tuple(option for option, _ in together)
            written = min(prompt_length, self.max_length - self.reserved) + self.reserved
            self._require_positions(max(written, *(len(option.ids) for option in kept)))
            encoded.append(EncodedRow(row, kept, self.task.correct(row)))
        return encoded

    def prompts(self, rows: Sequence[Row]) -> list[list[int]]:
        """Return the ids of the prompts alone, for a task whose answers are written."""
        room = self.max_length - self.reserved
        prompts = self._ids([self._prompt(row) for row in rows])
        return [self._shortened(ids, room) for ids in prompts]

    def _prompt(self, row: Row) -> str:
        # What a row has at its ends is no reason for a token of its own.
        return self.task.prompt(row).strip(" ")

    def _ids(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(texts)["input_ids"]
        return ids

    def _option(self, ids: list[int], prompt_length: int) -> tuple[EncodedOption, bool]:
        # Where prompt and option merge into fewer tokens, the last one still counts.
        length = max(1, len(ids) - prompt_length)
        if length >= self.max_length:
            raise _length_error(
                f"an option has {length} tokens, and prompt and option may have {self.max_length}"
            )
        shortened = self._shortened(ids, self.max_length)
        # One token must come before the option, or nothing predicts its first.
        start = max(1, len(shortened) - length)
        return EncodedOption(tuple(shortened), start), len(shortened) < len(ids)

    def _require_positions(self, length: int) -> None:
        if self.positions is not None and length > self.positions:
            raise _length_error(
                f"a row has {length:,} tokens and the model {self.positions:,} positions; set it "
                f"to {self.positions} or less"
            )

    def _shortened(self, ids: list[int], room: int) -> list[int]:
        if len(ids) <= room:
            return ids
        if ids[0] == self.tokenizer.bos_token_id:
            return [ids[0], *ids[len(ids) - room + 1 :]]
        return ids[len(ids) - room :]


def _length_error(message: str) -> ConfigError:
    return ConfigError(message, field="hyperparameters.max_length")
