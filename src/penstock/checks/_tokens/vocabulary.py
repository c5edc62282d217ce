"""What is known of the tokenizer that made the ids of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks._tokens.reencoding import Codec
from penstock.errors import ConfigError
from penstock.manifest import Manifest, manifest_path

if TYPE_CHECKING:
    from penstock.tokenization import Tokenizer


@dataclass(frozen=True)
class Vocabulary:
    """How many ids there are, what they stand for, and which of them stand between documents.

    `size` and `codec` are None where they are not known. `synthetic` says that the dataset was
    made of random ids on purpose.
    """

    size: int | None = None
    codec: Codec | None = None
    special: frozenset[int] = frozenset()
    synthetic: bool = False


def find_vocabulary(
    dataset: Path, manifest: Manifest | None, option: Path | None, collector: Collector
) -> Vocabulary:
    """Return what the manifest and the option `--tokenizer` tell of a dataset's tokenizer.

    Finds a tokenizer that is not there, or not the one that made the ids. Raises ConfigError where
    `option` is no tokenizer.
    """
    place = manifest_path(dataset) if manifest_path(dataset).is_file() else dataset
    synthetic = manifest is not None and manifest.synthetic
    if synthetic:
        message = "the tokens are random: nothing can be learnt from them"
        collector.add(codes.TOKENS_SYNTHETIC, message, file=place)
    named = (manifest.tokenizer if manifest else None) or {}
    told = Vocabulary(named.get("vocab_size"), None, _special(named), synthetic)
    path = option or (Path(named["path"]) if "path" in named else None)
    if path is None:
        if not synthetic:
            message = "no manifest names the tokenizer; ids cannot be held against their text"
            collector.add(codes.TOKENIZER_UNKNOWN, message, file=place)
        return told
    if option is None and not path.exists():
        message = f"the tokenizer of these ids is not at {path}; they cannot be decoded"
        collector.add(codes.TOKENIZER_MISSING, message, file=place)
        return told
    try:
        tokenizer = open_tokenizer(path)
    except ConfigError as error:
        if option is not None:
            raise
        collector.add(codes.TOKENIZER_MISMATCH, error.message, file=place)
        return told
    found = tokenizer.identity.sha256
    if named.get("sha256", found) != found:
        message = f"the ids were made by another tokenizer than the one at {path} is now"
        collector.add(codes.TOKENIZER_MISMATCH, message, file=place)
    special = frozenset(tokenizer.special_ids.tolist()) | told.special
    return Vocabulary(tokenizer.vocab_size, tokenizer, special, synthetic)


def open_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer at `path`, loaded once for all datasets of one check that name it.

    Its engine is the reference, which needs no comparing. Raises ConfigError.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    state = file.stat() if file.is_file() else None
    return _loaded(path, (state.st_mtime_ns, state.st_size) if state else None)


@lru_cache(maxsize=4)
def _loaded(path: Path, state: tuple[int, int] | None) -> Tokenizer:
    """Load a tokenizer; another `state` of its file loads it again."""
    from penstock.tokenization import Encoding, load_tokenizer

    return load_tokenizer(path, "tokenizers", encoding=Encoding(add_special=False))


def _special(identity: Mapping[str, Any]) -> frozenset[int]:
    ids = (identity.get(name) for name in ("bos_id", "eod_id", "pad_id"))
    return frozenset(number for number in ids if number is not None)
