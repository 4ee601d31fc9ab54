"""Stands in for Lambda's event sources: streams, the task queue, and the thread that delivers them."""
