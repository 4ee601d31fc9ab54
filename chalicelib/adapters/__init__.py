"""Source adapters of buckets: models, rules, response form, and the graph of buckets that feed each other."""
