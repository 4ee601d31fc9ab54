"""Background tasks: work that takes longer than a request.

A Lambda function runs them; clients can read their state.
"""
