"""Checks the packaged template with checkov, and compares what it finds with the accepted findings."""
