"""Training on chat rows: conversations to tokens, with the answers marked and packed.

`ChatRows` needs no torch: experiments validate a dataset with it before a run starts.
"""

from penstock.training.chat.splits import ChatRows

__all__ = ["ChatRows"]
