"""Steps on the order of the whole dataset, by lengths and columns. One file per step."""
