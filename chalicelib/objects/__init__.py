"""Objects. So far only whether a bucket has any."""
