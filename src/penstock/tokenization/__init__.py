"""Text to tokens: the engines, and how a tokenizer is known again."""

from penstock.tokenization._base import Encoding, Engine, TokenizerIdentity, storage_dtype
from penstock.tokenization._files import TokenizerFiles
from penstock.tokenization._flat import framed
from penstock.tokenization._tokenizer import EngineName, Tokenizer, load_tokenizer

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
