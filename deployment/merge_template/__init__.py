"""Builds the template that `chalice package` merges: `.chalice/resources.json` and generated resources."""
