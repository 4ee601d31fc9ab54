"""The Buckets API. docs/architecture.md describes the packages and the order in which they depend on each other."""
