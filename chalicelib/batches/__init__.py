"""Batches: named sets of objects of a bucket that are processed by the operator's hook."""
