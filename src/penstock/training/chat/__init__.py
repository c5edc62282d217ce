"""Chat: conversations to tokens by the tokenizer's template, with the answers marked and packed.

What this page offers reads rows and needs no torch: the grid proves a dataset with it.
"""

from penstock.training.chat.rows import ChatRows

__all__ = ["ChatRows"]
