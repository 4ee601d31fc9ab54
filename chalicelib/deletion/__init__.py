"""Deletion of buckets and namespaces. A request starts a background task, which deletes the contents in slices."""
