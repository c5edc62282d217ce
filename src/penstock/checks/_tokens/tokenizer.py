"""The tokenizer of a token dataset, and whether the ids are what it makes of their text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._tokens.statistics import Sample, spread
from penstock.errors import ConfigError
from penstock.findings import Collector
from penstock.manifest import Manifest, manifest_path

if TYPE_CHECKING:
    from penstock.tokenization import Tokenizer

#: How many windows are re-encoded, and their maximum and minimum lengths in tokens.
WINDOWS = 256
WINDOW_TOKENS = 128
MINIMUM_TOKENS = 16
#: The tokens at each edge of a window that may differ: a window may begin within a word.
MARGIN = 16


class Codec(Protocol):
    """Text to ids and back."""

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the ids of all texts, flat, and the offsets (one more than texts) of each."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids."""
        ...


@dataclass(frozen=True)
class Vocabulary:
    """The number of ids, their tokenizer, and the ids that separate documents.

    `size` and `codec` are None if unknown. `synthetic`: the recipe requested random ids.
    """

    size: int | None = None
    codec: Codec | None = None
    special: frozenset[int] = frozenset()
    synthetic: bool = False


def find_vocabulary(
    dataset: Path, manifest: Manifest | None, option: Path | None, collector: Collector
) -> Vocabulary:
    """Return the vocabulary of a dataset, from `--tokenizer` (`option`) or from the manifest.

    Reports a tokenizer that is missing or did not make the ids. Raises ConfigError if `option`
    cannot be loaded.
    """
    file = manifest_path(dataset) if manifest_path(dataset).is_file() else dataset
    synthetic = manifest is not None and manifest.synthetic
    if synthetic:
        message = "the tokens are random; a model cannot learn from them"
        collector.add(codes.TOKENS_SYNTHETIC, message, file=file)
    recorded = (manifest.tokenizer if manifest else None) or {}
    ids = (recorded.get(name) for name in ("bos_id", "eod_id", "pad_id"))
    special = frozenset(number for number in ids if number is not None)
    declared = Vocabulary(recorded.get("vocab_size"), None, special, synthetic)
    path = option or (Path(recorded["path"]) if "path" in recorded else None)
    if path is None:
        if not synthetic:
            message = "no manifest names the tokenizer; ids cannot be compared with their text"
            collector.add(codes.TOKENIZER_UNKNOWN, message, file=file)
        return declared
    if option is None and not path.exists():
        message = f"the tokenizer is no longer at {path}; ids cannot be decoded"
        collector.add(codes.TOKENIZER_MISSING, message, file=file)
        return declared
    try:
        tokenizer = open_tokenizer(path)
    except ConfigError as error:
        if option is not None:
            raise
        collector.add(codes.TOKENIZER_MISMATCH, error.message, file=file)
        return declared
    sha256 = tokenizer.identity.sha256
    if recorded.get("sha256", sha256) != sha256:
        message = f"the tokenizer at {path} is not the one that made the ids: its hash differs"
        collector.add(codes.TOKENIZER_MISMATCH, message, file=file)
    special |= frozenset(tokenizer.special_ids.tolist())
    return Vocabulary(tokenizer.vocab_size, tokenizer, special, synthetic)


def open_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer at `path`, loaded once for all datasets that use it.

    It runs on the reference engine. Raises ConfigError.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    state = file.stat() if file.is_file() else None
    return _load(path, (state.st_mtime_ns, state.st_size) if state else None)


@lru_cache(maxsize=4)
def _load(path: Path, state: tuple[int, int] | None) -> Tokenizer:
    """Load a tokenizer; `state` is part of the key so that a changed file is loaded again."""
    from penstock.tokenization import Encoding, load_tokenizer

    return load_tokenizer(path, "tokenizers", encoding=Encoding(add_special=False))


@dataclass(frozen=True)
class Reencoding:
    """How many windows were decoded and encoded again, and how many gave the same ids."""

    windows: int
    matched: int

    @property
    def share(self) -> float:
        """The share that gave the same ids; 1 without windows."""
        return self.matched / self.windows if self.windows else 1.0


def reencode(sample: Sample, codec: Codec, special: Collection[int]) -> Reencoding:
    """Decode windows spread over a sample, encode their text, and compare all but the edges.

    No window contains a `special` id, which may separate documents.
    """
    pieces = [
        window[start : start + WINDOW_TOKENS]
        for window in sample.windows()
        for start in range(0, len(window) - MINIMUM_TOKENS + 1, WINDOW_TOKENS)
    ]
    runs = [_longest_run(pieces[index], special) for index in spread(len(pieces), WINDOWS)]
    windows = [run for run in runs if len(run) >= MINIMUM_TOKENS]
    ids, offsets = codec.encode([codec.decode(window.tolist()) for window in windows])
    matched = 0
    for index, window in enumerate(windows):
        margin = min(MARGIN, len(window) // 4)
        again = ids[int(offsets[index]) : int(offsets[index + 1])]
        matched += _contains(again, window[margin : len(window) - margin])
    return Reencoding(len(windows), matched)


def _longest_run(window: NDArray[np.int64], special: Collection[int]) -> NDArray[np.int64]:
    """Return the longest part of a window without a special id."""
    cuts = np.flatnonzero(np.isin(window, list(special)))
    if not len(cuts):
        return window
    runs = [run[1:] if index else run for index, run in enumerate(np.split(window, cuts))]
    return max(runs, key=len)


def _contains(ids: NDArray[Any], wanted: NDArray[np.int64]) -> bool:
    if len(ids) < len(wanted):
        return False
    views = np.lib.stride_tricks.sliding_window_view(ids, len(wanted))
    return bool((views == wanted).all(axis=1).any())
