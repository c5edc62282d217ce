"""Shared by the checks of token datasets: the tokenizer, a sample of the ids, its statistics."""
