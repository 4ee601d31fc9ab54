"""Runs the tests of storage, services and HTTP on DynamoDB Local: `make test-engines`."""
