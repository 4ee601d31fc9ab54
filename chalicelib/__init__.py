"""The Buckets API: one room per noun, see docs/architecture.md."""
