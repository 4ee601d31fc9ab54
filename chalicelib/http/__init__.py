"""HTTP: the declaration of operations, the parsing of requests, and the creation of responses."""
