"""Recipe YAML to a dataset: the plan, the pieces, the order, the shards."""
