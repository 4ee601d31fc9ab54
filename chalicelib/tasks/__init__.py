"""Background tasks: work that takes longer than a request. A queue function does it; clients can read its state."""
