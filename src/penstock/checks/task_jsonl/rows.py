"""The rows of one file, read as a stream: only ids, line numbers and hashes are kept."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from penstock.checks import _codes as codes
from penstock.checks.task_jsonl.text import normalise
from penstock.files import plural
from penstock.findings import Code, Collector
from penstock.formats import REQUIRED_SPLITS, row_problems
from penstock.jsonl import BadLine, scan
from penstock.tasks import Task


@dataclass
class FileRows:
    """The rows of one file.

    `rows` counts all rows. The arrays have one entry per valid row: its line, the hash of its main
    text (the text field that synthetic data rephrases), and the hash of its content (all fields but
    id and label). Texts are normalised. Hashes are valid within one process.
    """

    path: Path
    rows: int = 0
    lines: array[int] = field(default_factory=lambda: array("q"))
    texts: array[int] = field(default_factory=lambda: array("q"))
    contents: array[int] = field(default_factory=lambda: array("q"))


def check_rows(path: Path, split: str, task: Task, collector: Collector) -> FileRows:
    """Check every row of a file against its task; raises OSError if it cannot be read."""
    found = FileRows(path)
    id_lines: dict[Any, int] = {}
    id_field, hashes = task.id_field, _RowHashes(task)
    for line, row in scan(path):
        if isinstance(row, BadLine):
            collector.add(codes.CODES[row.code], row.message, file=path, line=line)
            continue
        found.rows += 1
        if id_field is not None and (id := row.get(id_field)) is not None:
            if type(id) is not int and type(id) is not str:
                id = orjson.dumps(id, option=orjson.OPT_SORT_KEYS)
            first = id_lines.setdefault(id, line)
            if first != line:
                message = f"{id_field} {row[id_field]} is already in line {first}"
                collector.add(codes.ID_DUPLICATED, message, file=path, line=line)
        valid = True
        for name, code_name, problem in row_problems(task, row):
            valid = False
            # A task of another package may have its own codes.
            code = codes.CODES.get(code_name) or Code.error(code_name, "correct the row")
            collector.add(code, f"{name} {problem}", file=path, line=line, group=name)
        if not valid:
            continue
        if split in REQUIRED_SPLITS and not task.labelled(row):
            message = f"{task.label_field} has no answer"
            collector.add(codes.LABEL_MISSING, message, file=path, line=line)
        text, content = hashes.of(row)
        found.lines.append(line)
        found.texts.append(text)
        found.contents.append(content)
    if not found.rows:
        collector.add(codes.FILE_EMPTY, "the file has no rows", file=path)
    return found


def check_duplicates(file: FileRows, collector: Collector) -> None:
    """Report rows of a file that differ only in their id and label."""
    first_lines: dict[int, int] = {}
    repeated = []
    for line, content in zip(file.lines, file.contents, strict=True):
        first = first_lines.setdefault(content, line)
        if first != line:
            repeated.append((line, first))
    if repeated:
        line, first = repeated[0]
        message = f"same as line {first}, except for id, label, case and punctuation"
        count = len(repeated)
        collector.add(codes.ROW_DUPLICATED, message, file=file.path, line=line, count=count)


def check_overlap(
    task: Task,
    train: FileRows,
    evaluation: FileRows,
    inherited: Set[int] | None,
    collector: Collector,
) -> None:
    """Report train rows whose text, or whose complete content, is in an evaluation file.

    `inherited` has the hashes of the train texts of the original, if there is one: only other
    texts make a new overlap.
    """
    texts, contents = set(evaluation.texts), set(evaluation.contents)
    shared, new, leaked = [], [], []
    for line, text, content in zip(train.lines, train.texts, train.contents, strict=True):
        if text in texts:
            shared.append(line)
            if inherited is not None and text not in inherited:
                new.append(line)
            if content in contents:
                leaked.append(line)
    main = task.text_fields[0]
    origin = "" if inherited is None else f": {len(shared) - len(new)} inherited, {len(new)} new"
    for code, lines, words in (
        (
            codes.TEXT_OVERLAP,
            shared,
            f"with a {main} that is also in {evaluation.path}{origin}",
        ),
        (
            codes.TEXT_OVERLAP_NEW,
            new,
            f"with a {main} from {evaluation.path} that the original's train file does not have",
        ),
        (
            codes.ROW_LEAKED,
            leaked,
            f"that are also in {evaluation.path}, except for id and label",
        ),
    ):
        if lines:
            message, count = f"{plural(len(lines), 'train row')} {words}", len(lines)
            group = str(evaluation.path)
            collector.add(code, message, file=train.path, line=lines[0], count=count, group=group)


def text_hash(text: str) -> int:
    """Return the hash of a text after normalisation."""
    return hash(normalise(text))


class _RowHashes:
    def __init__(self, task: Task) -> None:
        self._main, *self._texts = task.text_fields
        others = {*task.text_fields, task.id_field, task.label_field}
        self._rest = [name for name in task.fields if name not in others]

    def of(self, row: Mapping[str, Any]) -> tuple[int, int]:
        """Return the hashes of the main text and of the content of a valid row."""
        text = normalise(row[self._main])
        parts: list[Any] = [text]
        parts += [normalise(row[name]) for name in self._texts]
        if self._rest:
            rest = [row[name] for name in self._rest]
            parts.append(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS))
        return hash(text), hash(tuple(parts))
