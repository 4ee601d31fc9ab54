"""Bucket schemas and unique keys: models, rules, values and compatibility."""
