"""Deletion of buckets and namespaces of any size: begun at once, worked off in slices, finished always."""
