"""Statistics: what the tally of a bucket or a namespace says."""
