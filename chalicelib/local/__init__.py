"""The embedded engine, which replaces AWS on a single machine. It is not part of the Lambda package."""
