"""The local HTTP servers: the API, and the AWS endpoint for other processes."""
