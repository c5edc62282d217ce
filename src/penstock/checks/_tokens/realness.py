"""Whether a sample of ids is real text, checked before anything is trained on it.

The thresholds lie between measured text and measured noise, for samples of 2,000 to 500,000 tokens.
Text has at most 0.47 of the types of uniform noise, a bigram z of -17 or less and a bigram ratio of
0.39 or more, and all its windows re-encode to the same ids.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._tokens.statistics import Sample, Statistics, measure
from penstock.checks._tokens.tokenizer import Vocabulary, reencode
from penstock.files import plural
from penstock.findings import Collector

#: With fewer tokens, the statistics of text and noise overlap.
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
    """Report ids that are not the text of their tokenizer, and the statistics of the sample."""
    if not len(sample):
        collector.add(codes.TOKENS_FEW, "there are no tokens", file=file)
        return
    summary = []
    largest = int(sample.ids.max())
    decodable = sample.ids.min() >= 0 and largest < (vocabulary.size or 0)
    if vocabulary.codec is not None and decodable and not vocabulary.synthetic:
        found = reencode(sample, vocabulary.codec, vocabulary.special)
        reencoded = (
            f"{found.matched} of {plural(found.windows, 'window')} re-encode to the same ids"
        )
        summary.append(reencoded)
        if found.matched < found.windows:
            not_text = found.share < MINIMUM_REENCODED
            code = codes.TEXT_NOT_REENCODED if not_text else codes.TEXT_PARTLY_REENCODED
            message = f"{reencoded}; real text: at least {MINIMUM_REENCODED:.0%}"
            collector.add(code, message, file=file)
    statistics = measure(sample, vocabulary.size or max(largest + 1, 1))
    if len(sample) < MINIMUM_TOKENS:
        message = (
            f"{plural(len(sample), 'token')}; at least {MINIMUM_TOKENS:,} are needed to tell text "
            "from noise by statistics"
        )
        collector.add(codes.TOKENS_FEW, message, file=file)
    elif not vocabulary.synthetic:
        _check_statistics(statistics, vocabulary, collector, file)
    padding = [f"{sample.padding / sample.positions:.2%} padding"] if sample.positions else []
    summary = [
        f"{plural(statistics.tokens, 'token')} sampled: {plural(statistics.types, 'distinct id')} "
        f"({statistics.types_ratio:.2f} of uniform noise)",
        f"distinct pairs {statistics.bigram_ratio:.2f} of shuffled (z {statistics.bigram_z:.0f})",
        f"most frequent id {statistics.top_id} ({statistics.top_share:.1%})",
        *padding,
        f"entropy {statistics.entropy:.1f} bits",
        f"mutual information of neighbours {statistics.mutual_information:.1f} bits",
        *summary,
    ]
    collector.add(codes.TOKEN_STATISTICS, ", ".join(summary), file=file)


def check_range(
    ids: NDArray[Any],
    vocabulary: Vocabulary,
    collector: Collector,
    *,
    file: Path,
    line: int | None = None,
) -> None:
    """Report ids that are not in the vocabulary."""
    if not len(ids):
        return
    size = vocabulary.size
    if ids.min() >= 0 and (size is None or ids.max() < size):
        return
    wrong = (ids < 0) | (ids >= size if size is not None else False)
    valid = f"from 0 to {size - 1:,}" if size is not None else "0 or more"
    message = f"the id {ids[wrong.argmax()]} is not in the vocabulary; valid ids are {valid}"
    count = int(np.count_nonzero(wrong))
    collector.add(codes.IDS_OUT_OF_RANGE, message, file=file, line=line, count=count)


def _check_statistics(
    found: Statistics, vocabulary: Vocabulary, collector: Collector, file: Path
) -> None:
    if found.types_ratio >= MAXIMUM_TYPES_RATIO:
        message = (
            f"{found.types_ratio:.2f} of the distinct ids of uniform noise; "
            f"text: under {MAXIMUM_TYPES_RATIO}"
        )
        collector.add(codes.TYPES_UNIFORM, message, file=file)
    if found.bigram_z >= MAXIMUM_BIGRAM_Z:
        message = (
            "the order of the tokens is random: distinct pairs differ by "
            f"{found.bigram_z:.1f} deviations from shuffled tokens; text: under {MAXIMUM_BIGRAM_Z}"
        )
        collector.add(codes.ORDER_RANDOM, message, file=file)
    if found.bigram_ratio <= MINIMUM_BIGRAM_RATIO:
        message = (
            f"the same text repeats: {found.bigram_ratio:.2f} of the distinct pairs of shuffled "
            f"tokens; text: over {MINIMUM_BIGRAM_RATIO}"
        )
        collector.add(codes.TEXT_REPEATED, message, file=file)
    if found.alternate_types < MINIMUM_ALTERNATE_TYPES:
        message = "every second id has very few values, like 4-byte integers read as 2-byte ones"
        collector.add(codes.IDS_HALVED, message, file=file)
    # GPT-2 encodes each space of an indentation as one token.
    if found.top_share >= MAXIMUM_TOP_SHARE and not _is_space(found.top_id, vocabulary):
        message = f"{found.top_share:.0%} of all tokens are the id {found.top_id}; text: under half"
        collector.add(codes.TOKEN_DOMINANT, message, file=file)


def _is_space(id: int, vocabulary: Vocabulary) -> bool:
    if vocabulary.codec is None or not 0 <= id < (vocabulary.size or 0):
        return False
    return vocabulary.codec.decode([id]).isspace()
