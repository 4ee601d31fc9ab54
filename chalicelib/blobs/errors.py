"""Errors raised by the blobs package."""

from __future__ import annotations

from chalicelib.core.errors import Problem, RequestInvalid


class UrlInvalid(RequestInvalid):
    """The URL of a file is none that could be fetched; a row of a batch tells it under a name of its own."""

    error_type = "URLValidationError"

    def __init__(self, location: tuple[str | int, ...], message: str) -> None:
        super().__init__([Problem(location, message, "url_invalid")])
