"""Benchmarks: the CPU time of operations compared with plain boto3 handlers that make the same AWS calls, and costs."""
