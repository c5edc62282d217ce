"""Text to tokens: the engines, and how a tokenizer is known again."""

from penstock.tokenization._base import Engine, TokenizerIdentity

__all__ = ["Engine", "TokenizerIdentity"]
