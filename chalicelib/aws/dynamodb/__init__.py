"""One DynamoDB table in plain Python: rows, conditions, writes and optimistic locking."""
