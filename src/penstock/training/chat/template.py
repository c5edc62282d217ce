"""Conversations to tokens by a chat template, and which of the tokens are answers.

An answer is what the model has to generate: the tokens of its content and the end-of-turn token
that the template appends. If the template marks answers (`{% generation %}`), its marks are used.
Otherwise each answer is located by rendering the conversation up to its header
(`add_generation_prompt`) and up to its end: both must be prefixes of the complete conversation, in
characters and in tokens, or the template is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.errors import ConfigError
from penstock.formats.chat import ChatRow

#: Rows rendered and tokenized at a time.
_BATCH = 512
#: Templates that write today's date get a fixed one, so that a run is the same on any day: the
#: default of Llama 3.2's template.
_DATE = {"%d": "26", "%-d": "26", "%b": "Jul", "%B": "July", "%m": "07", "%Y": "2024", "%y": "24"}
_DATE |= {"%A": "Friday", "%a": "Fri"}
_FIXED_DATE = (
    "{% macro strftime_now(format) %}{% set date = format"
    + "".join(f" | replace('{code}', '{value}')" for code, value in _DATE.items())
    + " %}{% if '%' in date %}{{ raise_exception('it writes the date as \"' ~ format ~ '\"; only "
    + f"{', '.join(_DATE)} are supported') }}}}"
    # Jinja removes the newline after a block, so that the template starts unchanged.
    "{% endif %}{{ date }}{% endmacro %}\n"
)
_MARKS = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")
_ROLES = {"system", "user", "assistant"}


@dataclass(frozen=True)
class EncodedChat:
    """A conversation as tokens: `ids` (int32) and which of them are trained (bool).

    The first token is never trained: nothing predicts it. `file` and `number` locate the row, as
    in `ChatRow`.
    """

    file: Path
    number: int
    ids: NDArray[np.int32]
    trained: NDArray[np.bool_]

    @property
    def answer_tokens(self) -> int:
        """The number of trained tokens."""
        return int(np.count_nonzero(self.trained))


@dataclass(frozen=True)
class _Rendered:
    text: str
    ids: list[int]


class ChatTemplate:
    """Encodes conversations with a tokenizer's chat template, or with `template` if given.

    With `last_only` only the last answer is trained. Raises ConfigError for a tokenizer without a
    template.
    """

    def __init__(
        self, tokenizer: Any, template: str | None = None, *, last_only: bool = False
    ) -> None:
        if template is not None:
            tokenizer.chat_template = template
        if tokenizer.chat_template is None:
            raise ConfigError(
                "the model's tokenizer has no chat template; name a file with one",
                field="hyperparameters.chat_template",
            )
        self.tokenizer = tokenizer
        self.last_only = last_only
        text = tokenizer.get_chat_template()
        self.marked = bool(_MARKS.search(text))
        #: True if the template writes today's date, which is fixed.
        self.dated = "strftime_now" in text
        self._text = _FIXED_DATE + text if self.dated else text
        added = tokenizer.added_tokens_decoder.items()
        self.special = {*tokenizer.all_special_ids, *(i for i, token in added if token.special)}
        #: The number of special tokens in the text after an answer.
        self._special_counts: dict[str, int] = {}

    def encode(self, rows: Sequence[ChatRow]) -> list[EncodedChat]:
        """Return the rows encoded, in their order.

        Raises ConfigError, with file and line, for the first row whose answers cannot be located
        unambiguously.
        """
        for row in rows:
            if unknown := {message.role for message in row.messages} - _ROLES:
                raise _row_error(row, f"the row has turns of {', '.join(sorted(unknown))}")
        encode = self._encode_marked if self.marked else self._encode_by_prefixes
        batches = (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
        return [encoded for batch in batches for encoded in encode(batch)]

    def _encode_marked(self, rows: Sequence[ChatRow]) -> Iterator[EncodedChat]:
        found = self._render(
            rows,
            [row.messages for row in rows],
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        for row, ids, mask in zip(rows, found["input_ids"], found["assistant_masks"], strict=True):
            trained = np.asarray(mask, bool)
            starts = np.flatnonzero(trained & ~np.append(False, trained[:-1]))
            answers = len(_answers(row))
            if len(starts) != answers:
                raise _row_error(row, f"it marks {len(starts)} answers instead of {answers}")
            if self.last_only:
                trained[: starts[-1]] = False
            yield _encoded(row, ids, trained)

    def _encode_by_prefixes(self, rows: Sequence[ChatRow]) -> Iterator[EncodedChat]:
        """Yield the rows with each answer located between the prefixes before and after it."""
        first = -1 if self.last_only else 0
        answers = [(i, turn) for i, row in enumerate(rows) for turn in _answers(row)[first:]]
        complete = self._rendered(rows, [(i, None) for i in range(len(rows))])
        before = self._rendered(rows, answers, add_generation_prompt=True)
        earlier = [(i, turn + 1) for i, turn in answers if turn + 1 < len(rows[i].messages)]
        after_earlier = dict(zip(earlier, self._rendered(rows, earlier), strict=True))
        masks = [np.zeros(len(chat.ids), bool) for chat in complete]
        for (i, turn), header in zip(answers, before, strict=True):
            after = after_earlier.get((i, turn + 1), complete[i])
            end = self._end_of_turn(rows[i], rows[i].messages[turn].content, header, after)
            if complete[i].ids[:end] != after.ids[:end]:
                raise _row_error(rows[i], "it writes a turn differently when others follow")
            masks[i][len(header.ids) : end] = True
        for row, chat, mask in zip(rows, complete, masks, strict=True):
            yield _encoded(row, chat.ids, mask)

    def _end_of_turn(self, row: ChatRow, content: str, header: _Rendered, after: _Rendered) -> int:
        """Return the number of tokens up to and including the end-of-turn token of an answer.

        `header` is the conversation before the answer, `after` includes the answer and its end.
        """
        if not after.text.startswith(header.text):
            raise _row_error(row, "the generation prompt is not the header of the answer")
        written, body = after.text[len(header.text) :].lstrip(), content.strip()
        if not written.startswith(body):
            raise _row_error(row, "it puts something between the header and the answer")
        start = len(header.ids)
        if after.ids[:start] != header.ids:
            raise _row_error(row, "the end of the header and the answer share a token")
        tail = written[len(body) :]
        if tail not in self._special_counts:
            (ids,) = self._ids([tail])
            self._special_counts[tail] = sum(token in self.special for token in ids)
        special = [i for i in range(start, len(after.ids)) if after.ids[i] in self.special]
        if not self._special_counts[tail]:
            raise _row_error(
                row, "no special token ends an answer, so the model would not learn to stop"
            )
        return special[-self._special_counts[tail]] + 1

    def _rendered(
        self, rows: Sequence[ChatRow], prefixes: Sequence[tuple[int, int | None]], **options: Any
    ) -> list[_Rendered]:
        """Return the text and ids of prefixes, each the index of a row and its last message."""
        if not prefixes:
            return []
        messages = [rows[i].messages[:stop] for i, stop in prefixes]
        texts = self._render([rows[i] for i, _ in prefixes], messages, tokenize=False, **options)
        return [_Rendered(*both) for both in zip(texts, self._ids(texts), strict=True)]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        # The template has written all special tokens.
        return self.tokenizer(texts, add_special_tokens=False)["input_ids"]

    def _render(self, rows: Sequence[ChatRow], messages: Sequence[Any], **options: Any) -> Any:
        """Render conversations with the tokenizer; an error names the row that caused it."""
        from jinja2 import TemplateError

        turns = [[{"role": m.role, "content": m.content} for m in chat] for chat in messages]
        try:
            return self.tokenizer.apply_chat_template(turns, chat_template=self._text, **options)
        except TemplateError as error:
            if len(rows) == 1:
                raise _row_error(rows[0], f"it refuses the row ({error})") from None
            for row, chat in zip(rows, messages, strict=True):
                self._render([row], [chat], **options)
            raise


def _answers(row: ChatRow) -> list[int]:
    return [i for i, message in enumerate(row.messages) if message.role == "assistant"]


def _encoded(row: ChatRow, ids: list[int], trained: NDArray[np.bool_]) -> EncodedChat:
    trained[0] = False
    return EncodedChat(row.file, row.number, np.asarray(ids, np.int32), trained)


def _row_error(row: ChatRow, why: str) -> ConfigError:
    return ConfigError(
        f"the chat template cannot be used at {row.file}:{row.number}: {why}; name a file with a "
        "template that fits, or one that marks the answers ({% generation %})",
        field="hyperparameters.chat_template",
    )
