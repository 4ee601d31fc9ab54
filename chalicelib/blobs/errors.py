"""Errors raised by the blobs package."""

from __future__ import annotations

from chalicelib.core.errors import Problem, RequestInvalid


class UrlInvalid(RequestInvalid):
    """The file URL is not a valid http, https or s3 URL.

    In a bulk create response, the row has the error type "URLValidationError" instead of "ValidationError".
    """

    error_type = "URLValidationError"

    def __init__(self, location: tuple[str | int, ...], message: str) -> None:
        super().__init__([Problem(location, message, "url_invalid")])
