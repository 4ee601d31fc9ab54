"""The template that `chalice package` merges into its own: `.chalice/resources.json` and what repeats, from tables."""
