"""Tokenizers: text to tokens, with the engine that is fastest for a tokenizer."""

from penstock.tokenization._engines import (
    Encoding,
    Engine,
    TokenizerIdentity,
    framed,
    storage_dtype,
)
from penstock.tokenization._tokenizer import EngineName, Tokenizer, TokenizerFiles, load_tokenizer

__all__ = [
    "Encoding",
    "Engine",
    "EngineName",
    "Tokenizer",
    "TokenizerFiles",
    "TokenizerIdentity",
    "framed",
    "load_tokenizer",
    "storage_dtype",
]
