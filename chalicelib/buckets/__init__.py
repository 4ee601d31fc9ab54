"""Buckets: their configuration, storage, operations and lists."""
