"""Rows, reversed pairs and sentences that are in two splits, and rows repeated in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes
from penstock.checks.chat import _codes as codes
from penstock.files import plural
from penstock.findings import Code, Collector
from penstock.formats.chat import FileContents

#: A file is one of sentence pairs if so many rows have their reversed pair in it.
PAIRS_SHARE = 0.5
#: The shares of answers with tokenized punctuation, and of answers within their prompts, that are
#: reported.
_TOKENIZED_SHARE, _REVEALED_SHARE = 0.1, 0.5


def check_splits(splits: Mapping[str, Sequence[FileContents]], collector: Collector) -> None:
    """Compare train with validation and test, and these with each other."""
    either = "take the row out of one of the two files"
    compared = [
        compare(first, second, collector, fix=None if one == "train" else either)
        for one, other in combinations(splits, 2)
        for first in splits[one]
        for second in splits[other]
    ]
    if compared and not any(compared):
        counts = [f"{sum(len(f.lines) for f in files):,} of {s}" for s, files in splits.items()]
        message = f"no row, reversed pair or sentence is in two splits: {', '.join(counts)}"
        directory = next(iter(splits.values()))[0].file.parent
        collector.add(codes.SPLITS_APART, message, file=directory)


def compare(
    train: FileContents, other: FileContents, collector: Collector, *, fix: str | None = None
) -> bool:
    """Report rows of a file that are also in another; return True if there are any.

    A row counts once: as the same row, or else for its reversed pair, or else for its sentences.
    In files of sentence pairs every shared sentence counts; in others two equal answers do not.
    `fix` replaces the fix for equal rows, if `train` is not trained on.
    """
    same = np.isin(train.pairs, other.pairs)
    is_reversed = np.isin(train.reversed_pairs, other.pairs) & ~same
    texts = np.concatenate([other.prompts, other.answers])
    if train.reversed_share >= PAIRS_SHARE:
        code, what = codes.SENTENCE_LEAKED, "a sentence"
        shared = np.isin(train.prompts, texts) | np.isin(train.answers, texts)
    else:
        code, what = _codes.TEXT_OVERLAP, "a text"
        shared = np.isin(train.prompts, texts) | np.isin(train.answers, other.prompts)
    shared &= ~same & ~is_reversed

    def report(code: Code, found: NDArray[np.bool_], words: str, fix: str | None = None) -> bool:
        if count := int(found.sum()):
            message = f"{count:,} of {plural(len(found), 'row')} {words} {other.file}"
            line, group = int(train.lines[found.argmax()]), str(other.file)
            collector.add(
                code, message, file=train.file, line=line, count=count, fix=fix, group=group
            )
        return count > 0

    found = [
        report(_codes.ROW_LEAKED, same, "are, except for case and punctuation, in", fix),
        report(codes.TWIN_LEAKED, is_reversed, "are, with their sides reversed, in"),
        report(code, shared, f"have {what} that is in"),
    ]
    return any(found)


def check_repeats(file: FileContents, collector: Collector) -> None:
    """Report repeated rows, rows with two equal sides, revealed answers, and PAWS's spaces.

    Punctuation makes a difference here: it may be what a correction is about.
    """
    _, firsts, inverse = np.unique(file.exact, return_index=True, return_inverse=True)
    first = firsts[inverse]
    # Both directions of a pair with equal sides are the same row: reported as identical sides.
    repeated = np.flatnonzero((first != np.arange(len(first))) & ~file.repeats)
    if len(repeated):
        line, before = int(file.lines[repeated[0]]), int(file.lines[first[repeated[0]]])
        message = f"the same as line {before}, except for case and white space"
        count = len(repeated)
        collector.add(_codes.ROW_DUPLICATED, message, file=file.file, line=line, count=count)
    if file.repeats.any():
        message = "the answer repeats the prompt, except for case and white space"
        line, count = int(file.lines[file.repeats.argmax()]), int(file.repeats.sum())
        collector.add(codes.SIDES_IDENTICAL, message, file=file.file, line=line, count=count)
    if file.revealed > _REVEALED_SHARE * len(file.lines):
        prompts = plural(len(file.lines), "prompt")
        message = f"{file.revealed:,} of {prompts} contain the complete answer"
        collector.add(codes.ANSWER_TOLD, message, file=file.file, count=file.revealed)
    if file.tokenized > _TOKENIZED_SHARE * len(file.lines):
        message = (
            f"{file.tokenized:,} of {plural(len(file.lines), 'answer')} have spaces before commas "
            "and full stops, or `` for quotation marks, as PAWS has; models learn them"
        )
        collector.add(codes.TEXT_TOKENISED, message, file=file.file, count=file.tokenized)
