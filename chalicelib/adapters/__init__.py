"""Source adapters of buckets: models, rules, view, and the graph of buckets that feed each other."""
