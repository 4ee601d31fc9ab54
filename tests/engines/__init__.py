"""Runs tests on DynamoDB Local, and tests of files on versitygw: `make test-engines`."""
