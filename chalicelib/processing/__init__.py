"""Processing of objects by the operator's own code, the hook."""
