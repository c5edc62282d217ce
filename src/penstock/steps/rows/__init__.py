"""Steps on rows and their tokens: each batch is processed by itself. One file per step."""
