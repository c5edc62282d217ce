"""Is it real? What a sample must look like before anything is trained on it.

The gates stand where measured text and measured noise lie far apart, for samples of 2,000 to
500,000 tokens: text has at most 0.47 of the types of uniform noise, a bigram z of -17 and below, a
bigram ratio of 0.39 and above, and all of its windows come back from the tokenizer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks._tokens.reencoding import reencode
from penstock.checks._tokens.sample import Sample
from penstock.checks._tokens.statistics import Statistics, measure
from penstock.checks._tokens.vocabulary import Vocabulary
from penstock.files import plural

#: In fewer tokens, text is too near to noise for the gates.
MINIMUM_TOKENS = 2_000
MAXIMUM_TYPES_RATIO = 0.9
MAXIMUM_BIGRAM_Z = -10.0
MINIMUM_BIGRAM_RATIO = 0.2
MINIMUM_REENCODED = 0.95
MAXIMUM_TOP_SHARE = 0.5
MINIMUM_ALTERNATE_TYPES = 0.1


def check_realness(
    sample: Sample, vocabulary: Vocabulary, collector: Collector, *, file: Path
) -> None:
    """Find what makes a sample of ids something other than the text of its tokenizer."""
    if not len(sample):
        collector.add(codes.TOKENS_FEW, "there are no tokens to look at", file=file)
        return
    told = []
    largest = int(sample.ids.max())
    decodable = sample.ids.min() >= 0 and largest < (vocabulary.size or 0)
    if vocabulary.codec is not None and decodable and not vocabulary.synthetic:
        told += _check_reencoding(sample, vocabulary, collector, file)
    statistics = measure(sample, vocabulary.size or max(largest + 1, 1))
    if len(sample) < MINIMUM_TOKENS:
        message = (
            f"{plural(len(sample), 'token')} are too few to tell text from noise by their "
            f"statistics, which takes {MINIMUM_TOKENS:,}"
        )
        collector.add(codes.TOKENS_FEW, message, file=file)
    elif not vocabulary.synthetic:
        _check_gates(statistics, collector, file)
        if statistics.top_share >= MAXIMUM_TOP_SHARE and not _is_space(statistics, vocabulary):
            message = f"{statistics.top_share:.0%} of all tokens are the id {statistics.top_id}"
            collector.add(codes.TOKEN_DOMINANT, f"{message}; text: under half", file=file)
    words = ", ".join([*_words(statistics, sample), *told])
    collector.add(codes.TOKEN_STATISTICS, words, file=file)


def check_range(
    ids: NDArray[Any],
    vocabulary: Vocabulary,
    collector: Collector,
    *,
    file: Path,
    line: int | None = None,
) -> None:
    """Find ids that the vocabulary does not have."""
    if not len(ids):
        return
    lowest, largest = ids.min(), ids.max()
    if lowest >= 0 and (vocabulary.size is None or largest < vocabulary.size):
        return
    wrong = (ids < 0) | (ids >= vocabulary.size if vocabulary.size is not None else False)
    must = f"from 0 to {vocabulary.size - 1:,}" if vocabulary.size is not None else "0 or more"
    message = f"the id {ids[wrong.argmax()]} is not in the vocabulary: must be {must}"
    count = int(np.count_nonzero(wrong))
    collector.add(codes.IDS_OUT_OF_RANGE, message, file=file, line=line, count=count)


def _check_reencoding(
    sample: Sample, vocabulary: Vocabulary, collector: Collector, file: Path
) -> list[str]:
    """Find ids that are not what the tokenizer makes of their text; return words for the infos."""
    assert vocabulary.codec is not None
    found = reencode(sample, vocabulary.codec, vocabulary.special)
    if found.matched < found.windows:
        code = codes.TEXT_PARTLY_REENCODED
        if found.share < MINIMUM_REENCODED:
            code = codes.TEXT_NOT_REENCODED
        message = (
            f"{found.matched} of {plural(found.windows, 'window')} come back as the same ids when "
            f"they are decoded and encoded again; fewer than {MINIMUM_REENCODED:.0%} are no text"
        )
        collector.add(code, message, file=file)
    return [f"{found.matched} of {plural(found.windows, 'window')} re-encoded to the same ids"]


def _check_gates(found: Statistics, collector: Collector, file: Path) -> None:
    if found.types_ratio >= MAXIMUM_TYPES_RATIO:
        message = (
            f"there are {found.types_ratio:.2f} of the distinct ids that uniform noise has; "
            f"text: under {MAXIMUM_TYPES_RATIO}"
        )
        collector.add(codes.TYPES_UNIFORM, message, file=file)
    if found.bigram_z >= MAXIMUM_BIGRAM_Z:
        message = (
            "the order of the tokens is no other than chance: distinct pairs lie "
            f"{found.bigram_z:.1f} deviations from shuffled tokens; text: under {MAXIMUM_BIGRAM_Z}"
        )
        collector.add(codes.ORDER_RANDOM, message, file=file)
    if found.bigram_ratio <= MINIMUM_BIGRAM_RATIO:
        message = (
            f"the same text comes again and again: {found.bigram_ratio:.2f} of the distinct pairs "
            f"of shuffled tokens; text: over {MINIMUM_BIGRAM_RATIO}"
        )
        collector.add(codes.TEXT_REPEATED, message, file=file)
    if found.alternate_types < MINIMUM_ALTERNATE_TYPES:
        message = (
            "every second id is one of very few, as when integers of 4 bytes are read as integers "
            "of 2 bytes"
        )
        collector.add(codes.IDS_HALVED, message, file=file)


def _is_space(found: Statistics, vocabulary: Vocabulary) -> bool:
    """Say whether the most frequent token is a space: GPT-2 has one for each of an indentation."""
    if vocabulary.codec is None or not 0 <= found.top_id < (vocabulary.size or 0):
        return False
    return vocabulary.codec.decode([found.top_id]).isspace()


def _words(found: Statistics, sample: Sample) -> list[str]:
    """Return the figures for people; a share of padding where rows can have it."""
    padding = [f"{sample.padding / sample.places:.2%} padding"] if sample.places else []
    return [
        f"{plural(found.tokens, 'token')} sampled: {plural(found.types, 'distinct id')} "
        f"({found.types_ratio:.2f} of uniform)",
        f"distinct pairs {found.bigram_ratio:.2f} of shuffled (z {found.bigram_z:.0f})",
        f"most frequent id {found.top_id} ({found.top_share:.1%})",
        *padding,
        f"entropy {found.entropy:.1f} bits",
        f"mutual information of neighbours {found.mutual_information:.1f} bits",
    ]
