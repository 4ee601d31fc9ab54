"""The tests of storage, services and HTTP, run against AWS's own DynamoDB engine: `make test-engines`."""
