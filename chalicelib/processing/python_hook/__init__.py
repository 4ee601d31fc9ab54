"""Runs a Python hook in a child process. docs/decisions/processing-hook.md says why.

The worker and the child send each other frames (`frames.py`) with messages (`messages.py`) over a socket pair. The
child asks the worker for the content of files, so it needs no access to S3.
"""
