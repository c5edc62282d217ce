"""The tokens after which a document may be cut: given ids, ends of lines, ends of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penstock.errors import ConfigError
from penstock.kernels.cutting import ENDS, ENDS_BEFORE_OPENING, OPENS
from penstock.tokenization import Tokenizer, load_tokenizer

#: Signs that end a sentence before white space, and signs that always end it.
_STOPS, _WIDE_STOPS = tuple(".!?…"), tuple("。！？")
#: Characters allowed between such a sign and the end of the sentence.
_CLOSING = "\"'”’»)]」』）"


def roles_of_ids(ids: Sequence[int]) -> NDArray[np.uint8]:
    """Return the roles (see `kernels.cutting`) that allow a cut after each of `ids`."""
    roles = np.zeros(max(ids, default=-1) + 1, np.uint8)
    roles[list(ids)] = ENDS
    return roles


def roles_of_tokenizer(path: Path, *, sentences: bool) -> NDArray[np.uint8]:
    """Return the role of every id of a tokenizer, by its text.

    A line ends at a token that ends with a line feed. A sentence ends there too, or at a full stop,
    exclamation or question mark (closing quotes and brackets may follow) before a token that begins
    with white space; wide stops (。！？) need no white space.

    Raises ConfigError for a tokenizer that cannot be loaded or has no token that ends a line.
    """
    texts = _token_texts(load_tokenizer(path, "tokenizers"))
    roles = np.array([_role(text, sentences) for text in texts], np.uint8)
    if not (roles & ENDS).any():
        raise ConfigError(f"no token of {path} ends a line; give ids", field="split.boundaries")
    return roles


def _role(text: str, sentences: bool) -> int:
    role = OPENS if text[:1].isspace() else 0
    stem = text.rstrip(" \t").rstrip(_CLOSING)
    if text.endswith("\n") or (sentences and stem.endswith(_WIDE_STOPS)):
        role |= ENDS
    elif sentences and stem.endswith(_STOPS):
        role |= ENDS_BEFORE_OPENING
    return role


def _token_texts(tokenizer: Tokenizer) -> list[str]:
    """Return the text that each id adds.

    Some tokenizers strip white space from the first token of a text, so each id is decoded after
    another token.
    """
    before = int(tokenizer.encode(["a"])[0][-1])
    skipped = len(tokenizer.decode([before]))
    return [tokenizer.decode([before, id_])[skipped:] for id_ in range(tokenizer.vocab_size)]
