"""The rows of one file as an entry reads them: what is dropped or empty, and their hashes."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._collect import Code, Collector
from penstock.checks.chat.entries import EntryCheck
from penstock.checks.chat.reading import RowReader
from penstock.checks.chat.template import PromptTemplate, common_template
from penstock.formats.chat import PARQUET, Problem, begins_an_array, scan_chat_rows
from penstock.jsonl import BadLine, has_mark
from penstock.steps import normalised

Hashes = NDArray[np.uint64]

#: What becomes of the problems of a row. At rows with others LLaMA-Factory stops.
_CODES: Mapping[str, Code] = {
    "role-unknown": codes.ROW_DROPPED,
    "role-order": codes.ROW_DROPPED,
    "turns-odd": codes.ROW_DROPPED,
    "label-missing": codes.ROW_DROPPED,
    "answer-empty": codes.ANSWER_EMPTY,
    "prompt-empty": codes.PROMPT_EMPTY,
}
#: Rows with these are trained on all the same.
_TRAINED = ("answer-empty", "prompt-empty")
#: A file with one of these does not load; nor do lines with a repeated key, nor does an array
#: behind a byte order mark (datasets 4.0).
_STOPPING = ("json-invalid", "not-utf8", "not-an-object")
#: From so many rows the template of the prompts is taken, and what columns there are.
_FIRST = 2000
#: An answer that is in its prompt is no accident from so many letters on, and no passage asked
#: about where it is so much of the prompt.
_LONG_LETTERS, _LARGE_SHARE = 20, 0.25


@dataclass(eq=False)
class FileRows:
    """What is kept of the rows of a file: 37 bytes of each sound one.

    `lines` (from 1; the numbers of the rows, in a JSON array), `prompts` and `answers` (hashes of
    letters and digits, prompts without their template; they hold within one process), `exact` (a
    hash of both without case and white space alone), `repeats` (whether both are so the same) and
    `characters` (of all turns) have one value a row. `read` counts all rows, `trained` those that
    LLaMA-Factory trains on: none of a file at which it `stops`. `tokenised` counts answers in which
    spaces stand before commas, `told` long ones that stand in their prompt beside other text.
    """

    file: Path
    lines: NDArray[np.int64]
    prompts: Hashes
    answers: Hashes
    exact: Hashes
    repeats: NDArray[np.bool_]
    characters: NDArray[np.int32]
    read: int
    trained: int
    stops: bool
    tokenised: int
    told: int

    @cached_property
    def pairs(self) -> Hashes:
        """One hash a row, of prompt and answer."""
        return _mixed(self.prompts, self.answers)

    @cached_property
    def twins(self) -> Hashes:
        """What `pairs` would be with prompt and answer changed for each other."""
        return _mixed(self.answers, self.prompts)


def _mixed(first: Hashes, second: Hashes) -> Hashes:
    """Return one hash of two in this order."""
    return first * np.uint64(0x9E3779B97F4A7C15) + second * np.uint64(0xC2B2AE3D27D4EB4F)


def read_rows(
    file: Path, check: EntryCheck, template: PromptTemplate | None, collector: Collector
) -> FileRows | None:
    """Read a file as its entry says, and find rows that are lost, empty or none.

    `template` is that of the prompts; None: what they have in common. None is returned where the
    entry does not fit the rows as a whole, which is one finding and not one a row.
    """
    rows = scan_chat_rows(file)
    first = list(islice(rows, _FIRST))
    if not check.fits(row for _, row in first if isinstance(row, dict)):
        return None
    reader = RowReader(check.entry)
    if template is None:
        found = (reader.messages(row) for _, row in first if isinstance(row, dict))
        turns = (each for each in found if isinstance(each, list))
        template = common_template((_prompt(each), each[-1]["content"]) for each in turns)
    an_array = file.suffix != PARQUET and begins_an_array(file)
    kept = _Kept(file, template, collector, an_array=an_array)
    for number, row in chain(first, rows):
        kept.add(number, row if isinstance(row, BadLine) else reader.messages(row))
    if not kept.read:
        collector.add(codes.FILE_EMPTY, "the file has no rows", file=file)
    return kept.rows()


class _Kept:
    """Gathers what is kept of rows, one after the other."""

    def __init__(
        self, file: Path, template: PromptTemplate, collector: Collector, *, an_array: bool
    ) -> None:
        self._file = file
        self._sentence = template.sentence
        self._collector = collector
        self._stopping = _STOPPING if an_array else (*_STOPPING, "key-repeated")
        self._stops = an_array and has_mark(file)
        self._lines, self._prompts, self._answers = array("q"), array("q"), array("q")
        self._exact, self._repeats, self._characters = array("q"), array("b"), array("i")
        self.read = self._trained = self._tokenised = self._told = 0

    def add(self, number: int, found: list[dict[str, str]] | Problem | BadLine) -> None:
        self.read += 1
        if isinstance(found, BadLine):
            self.read -= found.code == "line-empty"  # which is passed over
            self._stops |= found.code in self._stopping
            self._collector.add(
                codes.CODES[found.code], found.message, file=self._file, line=number
            )
            return
        if isinstance(found, Problem):
            self._trained += found.code in _TRAINED
            code = _CODES.get(found.code, codes.ROW_INVALID)
            self._collector.add(code, found.message, file=self._file, line=number, group=found.code)
            return
        answer = found[-1]["content"]
        self._trained += 1
        self._tokenised += " , " in answer or "`` " in answer or answer.endswith(" .")
        self._lines.append(number)
        self._add_sides(self._sentence(_prompt(found)), answer)
        self._characters.append(sum(len(turn["content"]) for turn in found))

    def _add_sides(self, prompt: str, answer: str) -> None:
        exact = normalised(prompt, "nfkc_casefold"), normalised(answer, "nfkc_casefold")
        self._exact.append(hash(exact))
        self._repeats.append(exact[0] == exact[1])
        asked, said = normalised(prompt, "letters"), normalised(answer, "letters")
        self._prompts.append(hash(asked))
        self._answers.append(hash(said))
        if max(_LONG_LETTERS, _LARGE_SHARE * len(asked)) <= len(said) < len(asked):
            self._told += said in asked

    def rows(self) -> FileRows:
        return FileRows(
            self._file,
            np.array(self._lines, np.int64),
            np.array(self._prompts, np.int64).view(np.uint64),
            np.array(self._answers, np.int64).view(np.uint64),
            np.array(self._exact, np.int64).view(np.uint64),
            np.array(self._repeats, np.bool_),
            np.array(self._characters, np.int32),
            self.read,
            0 if self._stops else self._trained,
            self._stops,
            self._tokenised,
            self._told,
        )


def _prompt(turns: list[dict[str, str]]) -> str:
    """Return all that comes before the last answer, without the system prompt."""
    asked = turns[turns[0]["role"] == "system" : -1]
    return asked[0]["content"] if len(asked) == 1 else "\n".join(t["content"] for t in asked)
