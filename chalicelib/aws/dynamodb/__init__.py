"""Access to a DynamoDB table with plain Python values: rows, conditions, writes and optimistic locking."""
