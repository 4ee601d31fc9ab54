"""Two of the operations in other frameworks, for comparison. Each framework has its own virtual environment.

Both validate the body and the response with pydantic and make the calls of `bench.bare`. Unlike this API, they do not
authenticate, retry, log, or return errors in one format.
"""
