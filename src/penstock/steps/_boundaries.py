"""After which tokens a document may be cut: given ids, ends of lines, ends of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penstock.errors import ConfigError
from penstock.kernels.cutting import ENDS, ENDS_BEFORE_OPENING, OPENS
from penstock.tokenization import Tokenizer, load_tokenizer

#: Signs that end a sentence where white space follows, and those that end it by themselves.
_STOPS, _WIDE_STOPS = tuple(".!?…"), tuple("。！？")
#: What may stand between the sign and the end of the sentence.
_CLOSING = "\"'”’»)]」』）"


def roles_of_ids(ids: Sequence[int]) -> NDArray[np.uint8]:
    """Return the roles of ids (see `_cutting`), where a document may be cut after each of `ids`."""
    roles = np.zeros(max(ids, default=-1) + 1, np.uint8)
    roles[list(ids)] = ENDS
    return roles


def roles_of_tokenizer(path: Path, *, sentences: bool) -> NDArray[np.uint8]:
    """Return the role of every id of a tokenizer, by its text.

    A line ends with a token that ends in a line feed. A sentence ends with one, or with a full
    stop, an exclamation or a question mark, closing quotes and brackets after it allowed, before a
    token that begins with white space (which wide stops need not have).

    Raises ConfigError for a tokenizer that cannot be loaded or of which no token ends a line.
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
    """Return the text that each id adds to a text before it.

    Some tokenizers take white space off the first token of a text, so that each stands behind
    another one here.
    """
    before = int(tokenizer.encode(["a"])[0][-1])
    skipped = len(tokenizer.decode([before]))
    return [tokenizer.decode([before, id_])[skipped:] for id_ in range(tokenizer.vocab_size)]
