"""What other programs need to read a dataset: their configuration, and what they do with it."""
