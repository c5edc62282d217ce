"""The rows of one file, read as an entry describes: problems of rows, and their hashes."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from penstock.checks import _codes
from penstock.checks.chat import _codes as codes
from penstock.checks.chat.template import PromptTemplate, common_template
from penstock.fields import kind_of
from penstock.findings import Code, Collector
from penstock.formats.chat import (
    PARQUET,
    DatasetEntry,
    EntryProblem,
    FileContents,
    Problem,
    begins_an_array,
    messages_of,
    problem_with_rows,
    scan_chat_rows,
)
from penstock.jsonl import BadLine, has_bom
from penstock.text import normalised

#: The finding of each problem of a row; others are ROW_INVALID.
_CODES: Mapping[str, Code] = {
    "role-unknown": codes.ROW_DROPPED,
    "role-order": codes.ROW_DROPPED,
    "turns-odd": codes.ROW_DROPPED,
    "label-missing": codes.ROW_DROPPED,
    "answer-empty": codes.ANSWER_EMPTY,
    "prompt-empty": codes.PROMPT_EMPTY,
}
#: The number of first rows that determine the prompt template and the columns.
_FIRST = 2000
#: An answer within its prompt counts as revealed if it has at least so many letters and is so large
#: a share of the prompt: not a single word, nor the span of a passage that is asked for.
_MIN_LETTERS, _MIN_SHARE = 20, 0.25


def read_rows(
    file: Path, entry: DatasetEntry, template: PromptTemplate | None, collector: Collector
) -> FileContents | EntryProblem:
    """Read a file and report invalid, dropped and empty rows.

    `template` is the template of the prompts; None: their common text. Returns the problem instead
    if the entry does not fit the rows at all, which is one finding and not one per row.
    """
    rows = scan_chat_rows(file)
    first = list(islice(rows, _FIRST))
    valid = [row for _, row in first if isinstance(row, dict)]
    if (problem := problem_with_rows(entry, valid)) is not None:
        return problem
    if template is None:
        turns = [found for row in valid if isinstance(found := _messages(row, entry), list)]
        template = common_template((_prompt(each), each[-1]["content"]) for each in turns)
    reader = _Reader(file, template, collector)
    for number, row in chain(first, rows):
        reader.add(number, row if isinstance(row, BadLine) else _messages(row, entry))
    if not reader.read:
        collector.add(_codes.FILE_EMPTY, "the file has no rows", file=file)
    return reader.contents()


def _messages(row: Mapping[str, Any], entry: DatasetEntry) -> list[dict[str, str]] | Problem:
    """Return the messages of a row, or what is wrong with it.

    Of a row of preferences, with two answers to the same turns, they end with the chosen answer. A
    row for KTO has a label.
    """
    if entry.settings.get("ranking"):
        rejected = _with_answer(row, entry, "rejected")
        return rejected if isinstance(rejected, Problem) else _with_answer(row, entry, "chosen")
    tag = entry.columns.get("kto_tag")
    if tag is not None and not isinstance(row.get(tag), bool):
        message = f"`{tag}` is {kind_of(row.get(tag))}, must be true or false"
        return Problem("label-missing", message)
    return messages_of(row, entry)


def _with_answer(
    row: Mapping[str, Any], entry: DatasetEntry, column: str
) -> list[dict[str, str]] | Problem:
    columns = entry.columns
    if entry.formatting == "alpaca":
        settings = {**entry.settings, "columns": {**columns, "response": columns[column]}}
        return messages_of(row, DatasetEntry(entry.name, settings))
    turns = row.get(columns["messages"])
    if isinstance(turns, list):
        row = {**row, columns["messages"]: [*turns, row.get(columns[column])]}
    return messages_of(row, entry)


class _Reader:
    """Collects the hashes of rows, and reports their problems."""

    def __init__(self, file: Path, template: PromptTemplate, collector: Collector) -> None:
        self._file = file
        self._sentence = template.sentence
        self._collector = collector
        self._lines, self._prompts, self._answers = array("q"), array("q"), array("q")
        self._exact, self._repeats, self._characters = array("q"), array("b"), array("i")
        self._problems: Counter[str] = Counter()
        self.read = self._tokenized = self._revealed = 0

    def add(self, number: int, found: list[dict[str, str]] | Problem | BadLine) -> None:
        if isinstance(found, BadLine):
            if found.code != "line-empty":
                self.read += 1
                self._problems[found.code] += 1
            code = _codes.CODES[found.code]
            self._collector.add(code, found.message, file=self._file, line=number)
            return
        self.read += 1
        if isinstance(found, Problem):
            self._problems[found.code] += 1
            code = _CODES.get(found.code, codes.ROW_INVALID)
            self._collector.add(code, found.message, file=self._file, line=number, group=found.code)
            return
        answer = found[-1]["content"]
        self._tokenized += " , " in answer or "`` " in answer or answer.endswith(" .")
        self._lines.append(number)
        self._add_pair(self._sentence(_prompt(found)), answer)
        self._characters.append(sum(len(turn["content"]) for turn in found))

    def _add_pair(self, prompt: str, answer: str) -> None:
        exact = normalised(prompt, "nfkc_casefold"), normalised(answer, "nfkc_casefold")
        self._exact.append(hash(exact))
        self._repeats.append(exact[0] == exact[1])
        asked, answered = normalised(prompt, "letters"), normalised(answer, "letters")
        self._prompts.append(hash(asked))
        self._answers.append(hash(answered))
        if max(_MIN_LETTERS, _MIN_SHARE * len(asked)) <= len(answered) < len(asked):
            self._revealed += answered in asked

    def contents(self) -> FileContents:
        is_array = self._file.suffix != PARQUET and begins_an_array(self._file)
        return FileContents(
            self._file,
            lines=np.array(self._lines, np.int64),
            prompts=np.array(self._prompts, np.int64).view(np.uint64),
            answers=np.array(self._answers, np.int64).view(np.uint64),
            exact=np.array(self._exact, np.int64).view(np.uint64),
            repeats=np.array(self._repeats, np.bool_),
            characters=np.array(self._characters, np.int32),
            read=self.read,
            problems=self._problems,
            is_array=is_array,
            has_bom=is_array and has_bom(self._file),
            tokenized=self._tokenized,
            revealed=self._revealed,
        )


def _prompt(turns: list[dict[str, str]]) -> str:
    """Return all turns before the last answer, without the system prompt."""
    asked = turns[turns[0]["role"] == "system" : -1]
    return asked[0]["content"] if len(asked) == 1 else "\n".join(t["content"] for t in asked)
