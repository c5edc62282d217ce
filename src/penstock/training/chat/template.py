"""Conversations to tokens by a chat template, and which of the tokens are answers.

An answer is what the model has to write: the tokens of its content and the end-of-turn token that
the template puts after it. Where the template marks answers (`{% generation %}`), its marks count.
Else each answer is found by rendering the conversation up to its header (`add_generation_prompt`)
and up to its end: both must be beginnings of the whole, in characters and in tokens, or the
template is refused.
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
#: Templates that write today's date are given one, so that a run is the same on any day: the one
#: that Llama 3.2's template has where it knows no other.
_DATE = {"%d": "26", "%-d": "26", "%b": "Jul", "%B": "July", "%m": "07", "%Y": "2024", "%y": "24"}
_DATE |= {"%A": "Friday", "%a": "Fri"}
_FIXED_DATE = (
    "{% macro strftime_now(format) %}{% set date = format"
    + "".join(f" | replace('{sign}', '{value}')" for sign, value in _DATE.items())
    + " %}{% if '%' in date %}{{ raise_exception('it writes the date by \"' ~ format ~ '\"; only "
    + f"{', '.join(_DATE)} have a value here') }}}}"
    # The environment of templates takes the line's end away, and the template begins a line.
    "{% endif %}{{ date }}{% endmacro %}\n"
)
_MARKS = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")
_ROLES = {"system", "user", "assistant"}


@dataclass(frozen=True)
class EncodedChat:
    """A conversation as the model sees it: `ids` (int32) and which of them are trained (bool).

    The first token is never trained: nothing predicts it. `file` and `number` say where the row
    stands, as `ChatRow` has them.
    """

    file: Path
    number: int
    ids: NDArray[np.int32]
    trained: NDArray[np.bool_]

    @property
    def answer_tokens(self) -> int:
        """How many tokens are trained."""
        return int(np.count_nonzero(self.trained))


@dataclass(frozen=True)
class _Rendered:
    text: str
    ids: list[int]


class ChatTemplate:
    """Encodes conversations with a tokenizer's template, or with the one that is given for it.

    With `last_only` nothing but the last answer is trained. Raises ConfigError for a tokenizer
    without a template.
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
        #: True when the template writes today's date, which is fixed.
        self.dated = "strftime_now" in text
        self._text = _FIXED_DATE + text if self.dated else text
        added = tokenizer.added_tokens_decoder.items()
        self.special = {*tokenizer.all_special_ids, *(i for i, token in added if token.special)}
        #: How many special tokens there are in what stands after an answer.
        self._special_in: dict[str, int] = {}

    def encode(self, rows: Sequence[ChatRow]) -> list[EncodedChat]:
        """Return the rows encoded, in their order.

        Raises ConfigError, with file and line, for the first row whose answers cannot be told from
        the rest without doubt.
        """
        for row in rows:
            if strange := {message.role for message in row.messages} - _ROLES:
                raise _row_error(row, f"the row has turns of {', '.join(sorted(strange))}")
        encode = self._encode_marked if self.marked else self._encode_by_prefixes
        batches = (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
        return [encoded for batch in batches for encoded in encode(batch)]

    def _encode_marked(self, rows: Sequence[ChatRow]) -> Iterator[EncodedChat]:
        """Yield the rows with the template's own marks."""
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
                raise _row_error(row, f"it marks {len(starts)} answers where there are {answers}")
            if self.last_only:
                trained[: starts[-1]] = False
            yield _encoded(row, ids, trained)

    def _encode_by_prefixes(self, rows: Sequence[ChatRow]) -> Iterator[EncodedChat]:
        """Yield the rows with their answers found by what stands before and up to each."""
        first = -1 if self.last_only else 0
        asked = [(i, turn) for i, row in enumerate(rows) for turn in _answers(row)[first:]]
        wholes = self._rendered(rows, [(i, None) for i in range(len(rows))])
        headers = self._rendered(rows, asked, add_generation_prompt=True)
        earlier = [(i, turn + 1) for i, turn in asked if turn + 1 < len(rows[i].messages)]
        answered = dict(zip(earlier, self._rendered(rows, earlier), strict=True))
        masks = [np.zeros(len(whole.ids), bool) for whole in wholes]
        for (i, turn), header in zip(asked, headers, strict=True):
            upto = answered.get((i, turn + 1), wholes[i])
            end = self._end_of_turn(rows[i], rows[i].messages[turn].content, header, upto)
            if wholes[i].ids[:end] != upto.ids[:end]:
                raise _row_error(rows[i], "it writes a turn otherwise when others follow")
            masks[i][len(header.ids) : end] = True
        for row, whole, mask in zip(rows, wholes, masks, strict=True):
            yield _encoded(row, whole.ids, mask)

    def _end_of_turn(self, row: ChatRow, content: str, header: _Rendered, upto: _Rendered) -> int:
        """Return the number of tokens up to the end-of-turn token after an answer, with it.

        `header` is the conversation up to the answer, `upto` has the answer and what ends it.
        """
        if not upto.text.startswith(header.text):
            raise _row_error(row, "the header that asks for an answer is not the one before it")
        written, body = upto.text[len(header.text) :].lstrip(), content.strip()
        if not written.startswith(body):
            raise _row_error(row, "it puts something between the header and the answer")
        start = len(header.ids)
        if upto.ids[:start] != header.ids:
            raise _row_error(row, "the end of the header and the answer share a token")
        after = written[len(body) :]
        if after not in self._special_in:
            (ids,) = self._ids([after])
            self._special_in[after] = sum(token in self.special for token in ids)
        special = [i for i in range(start, len(upto.ids)) if upto.ids[i] in self.special]
        if not self._special_in[after]:
            raise _row_error(
                row, "no special token ends an answer, and the model would not learn to end"
            )
        return special[-self._special_in[after]] + 1

    def _rendered(
        self, rows: Sequence[ChatRow], beginnings: Sequence[tuple[int, int | None]], **options: Any
    ) -> list[_Rendered]:
        """Return rows (by index) up to a message as text and ids."""
        if not beginnings:
            return []
        of_rows = [rows[i] for i, _ in beginnings]
        messages = [rows[i].messages[:stop] for i, stop in beginnings]
        texts = self._render(of_rows, messages, tokenize=False, **options)
        return [_Rendered(*both) for both in zip(texts, self._ids(texts), strict=True)]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        # The template has written every special token there is to be.
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return ids

    def _render(self, rows: Sequence[ChatRow], messages: Sequence[Any], **options: Any) -> Any:
        """Let the tokenizer render conversations; a row that it refuses is named."""
        from jinja2 import TemplateError

        turns = [[{"role": m.role, "content": m.content} for m in some] for some in messages]
        try:
            return self.tokenizer.apply_chat_template(turns, chat_template=self._text, **options)
        except TemplateError as error:
            if len(rows) == 1:
                raise _row_error(rows[0], f"it refuses the row ({error})") from None
            for row, some in zip(rows, messages, strict=True):
                self._render([row], [some], **options)
            raise


def _answers(row: ChatRow) -> list[int]:
    """Return the indices of the answers of a row."""
    return [i for i, message in enumerate(row.messages) if message.role == "assistant"]


def _encoded(row: ChatRow, ids: list[int], trained: NDArray[np.bool_]) -> EncodedChat:
    trained[0] = False
    return EncodedChat(row.file, row.number, np.asarray(ids, np.int32), trained)


def _row_error(row: ChatRow, why: str) -> ConfigError:
    return ConfigError(
        f"the chat template cannot be followed at {row.file}:{row.number}: {why}; name a file with "
        "a template that fits, or with one that marks the answers ({% generation %})",
        field="hyperparameters.chat_template",
    )
