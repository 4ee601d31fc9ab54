"""Statistics: the totals of buckets and namespaces, kept up to date from DynamoDB streams."""
