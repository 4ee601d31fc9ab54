"""Whether the service answers, and whether what it stands on does."""
