"""The OpenAPI document of the API, generated from the operations and their models."""
