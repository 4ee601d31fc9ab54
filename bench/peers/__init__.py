"""The same two operations in other frameworks, each in a virtual environment of its own: what they do beside us.

Each checks the body and the answer with pydantic and makes the calls of `bench.bare`, with its default client.
Neither authenticates, retries, logs or wraps errors in one envelope, as ours do.
"""
