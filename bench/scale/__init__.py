"""`make bench-scale`: how the cost of each list grows with the number of buckets, objects and namespaces."""
