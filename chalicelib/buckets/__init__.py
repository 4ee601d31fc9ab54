"""Buckets, their schema, and the lists of them."""
