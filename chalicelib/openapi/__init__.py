"""The API described as OpenAPI, from the operations and the models that do the work."""
