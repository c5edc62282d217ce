"""What stands in two splits: rows, their reversed twins, sentences; and twice in one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._collect import Code, Collector
from penstock.checks.chat.rows import FileRows
from penstock.files import plural

#: The share of rows whose reversed twins stand in the same file that makes them pairs.
PAIRS_SHARE = 0.5
#: The share of answers with a space before a comma that is no accident.
_TOKENISED_SHARE = 0.1
#: The share of answers that stand in their prompts that is no accident.
_TOLD_SHARE = 0.5
#: Of two splits that are both held out, either may keep what stands in both.
_EITHER = "take the row out of one of the two files"


def distinct_files(files: Iterable[FileRows], known: Sequence[FileRows] = ()) -> list[FileRows]:
    """Return `known` and those files, the largest first, whose rows do not all stand in others."""
    kept = list(known)
    for rows in sorted(files, key=lambda rows: -len(rows.lines)):
        others = np.concatenate([np.empty(0, np.uint64), *(other.pairs for other in kept)])
        if not len(rows.pairs) or not np.isin(rows.pairs, others).all():
            kept.append(rows)
    return kept


def twin_share(rows: FileRows) -> float:
    """Return the share of rows whose reversed twins stand in the same file."""
    return float(np.isin(rows.twins, rows.pairs).mean()) if len(rows.lines) else 0.0


def check_splits(splits: Mapping[str, Sequence[FileRows]], collector: Collector) -> None:
    """Compare train with validation and test, and these with each other."""
    compared = [
        leaks(first, second, collector, fix=None if one == "train" else _EITHER)
        for one, other in combinations(splits, 2)
        for first in splits[one]
        for second in splits[other]
    ]
    if compared and not any(compared):
        counts = [f"{sum(len(r.lines) for r in files):,} of {s}" for s, files in splits.items()]
        message = f"no row, reversed twin or sentence stands in two splits: {', '.join(counts)}"
        file = next(iter(splits.values()))[0].file.parent
        collector.add(codes.SPLITS_APART, message, file=file)


def leaks(
    train: FileRows, other: FileRows, collector: Collector, *, fix: str | None = None
) -> bool:
    """Find what of a file stands in another that it must share nothing with; say whether any does.

    `fix` is what to do about a whole row, where `train` is no file that is trained on.
    A row counts once: as a whole, else for its twin, else for its sentences. Of pairs, whose sides
    are both sentences, any side counts; of other rows not that two answers are the same.
    """
    same = np.isin(train.pairs, other.pairs)
    twins = np.isin(train.twins, other.pairs) & ~same
    texts = np.concatenate([other.prompts, other.answers])
    if twin_share(train) >= PAIRS_SHARE:
        code, what = codes.SENTENCE_LEAKED, "a sentence"
        shared = np.isin(train.prompts, texts) | np.isin(train.answers, texts)
    else:
        code, what = codes.TEXT_OVERLAP, "a text"
        shared = np.isin(train.prompts, texts) | np.isin(train.answers, other.prompts)
    shared &= ~same & ~twins

    def report(code: Code, found: NDArray[np.bool_], words: str, fix: str | None = None) -> bool:
        if count := int(found.sum()):
            message = f"{count:,} of {plural(len(found), 'row')} {words} in {other.file}"
            line, group = int(train.lines[found.argmax()]), str(other.file)
            collector.add(
                code, message, file=train.file, line=line, count=count, fix=fix, group=group
            )
        return count > 0

    found = [
        report(codes.ROW_LEAKED, same, "stand, but for case and punctuation,", fix),
        report(codes.TWIN_LEAKED, twins, "stand, with their sides reversed,"),
        report(code, shared, f"have {what} that stands"),
    ]
    return any(found)


def check_repeats(rows: FileRows, collector: Collector) -> None:
    """Find rows that stand twice in a file, whose sides say the same, and PAWS's spaces.

    Here a comma makes another text, which a correction may be all about.
    """
    _, firsts, inverse = np.unique(rows.exact, return_index=True, return_inverse=True)
    first = firsts[inverse]
    identical = rows.repeats
    # Of a pair whose sides are the same both directions are one row: that is said below.
    repeated = np.flatnonzero((first != np.arange(len(first))) & ~identical)
    if len(repeated):
        line, before = int(rows.lines[repeated[0]]), int(rows.lines[first[repeated[0]]])
        message = f"the same as line {before}, but for case and white space"
        count = len(repeated)
        collector.add(codes.ROW_DUPLICATED, message, file=rows.file, line=line, count=count)
    if identical.any():
        message = "the answer says what the prompt says, but for case and white space"
        line, count = int(rows.lines[identical.argmax()]), int(identical.sum())
        collector.add(codes.SIDES_IDENTICAL, message, file=rows.file, line=line, count=count)
    if rows.told > _TOLD_SHARE * len(rows.lines):
        message = f"{rows.told:,} of {plural(len(rows.lines), 'prompt')} hold the whole answer"
        collector.add(codes.ANSWER_TOLD, message, file=rows.file, count=rows.told)
    if rows.tokenised > _TOKENISED_SHARE * len(rows.lines):
        message = (
            f"{rows.tokenised:,} of {plural(len(rows.lines), 'answer')} have spaces before commas "
            "and full stops, or `` for quotation marks, as PAWS has; models learn them"
        )
        collector.add(codes.TEXT_TOKENISED, message, file=rows.file, count=rows.tokenised)
