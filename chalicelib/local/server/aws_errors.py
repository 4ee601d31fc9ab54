"""Errors of the AWS endpoint, in the forms that AWS clients understand."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape


class AwsError(Exception):
    """The endpoint rejects a request. DynamoDB and S3 have different names for most errors.

    `details` are further elements of the response of S3.
    """

    def __init__(
        self, status: int, dynamodb_type: str, s3_code: str, message: str, details: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.details = details or {}
        self.status = status
        self.dynamodb_type = dynamodb_type
        self.s3_code = s3_code
        self.message = message


class ErrorBody(NamedTuple):
    """The body of an error response, and its content type."""

    content_type: str
    content: bytes


def error_body(error: AwsError, *, is_dynamodb: bool) -> ErrorBody:
    """Returns the error in DynamoDB's JSON or in S3's XML."""
    if is_dynamodb:
        document = {"__type": f"com.amazonaws.dynamodb.v20120810#{error.dynamodb_type}", "message": error.message}
        return ErrorBody("application/x-amz-json-1.0", json.dumps(document).encode())
    named = {"Code": error.s3_code, "Message": error.message, **error.details}
    named |= {"RequestId": secrets.token_hex(8).upper(), "HostId": "embedded"}
    elements = "".join(f"<{name}>{escape(_printable(text))}</{name}>" for name, text in named.items())
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{elements}</Error>'
    return ErrorBody("application/xml", text.encode())


def _printable(text: str) -> str:
    """Returns the text without the characters that XML does not permit, which a header may contain."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text)


def access_denied(message: str = "Access Denied", details: Mapping[str, str] | None = None) -> AwsError:
    """Returns the error for a request that may not be made here."""
    return AwsError(403, "AccessDeniedException", "AccessDenied", message, details)


def malformed_signature(message: str, *, presigned: bool) -> AwsError:
    """Returns the error for a signature that is incomplete or has an unknown form."""
    code = "AuthorizationQueryParametersError" if presigned else "AuthorizationHeaderMalformed"
    return AwsError(400, "IncompleteSignatureException", code, message)


def bad_request(message: str) -> AwsError:
    """Returns the error for a request that is not valid HTTP, or is ambiguous."""
    return AwsError(400, "SerializationException", "InvalidRequest", message)


def too_large(size: int, limit: int) -> AwsError:
    """Returns the error for a file that is larger than one request can store."""
    details = {"ProposedSize": str(size), "MaxSizeAllowed": str(limit)}
    message = "Your proposed upload exceeds the maximum allowed size"
    return AwsError(400, "SerializationException", "EntityTooLarge", message, details)


def length_missing() -> AwsError:
    """Returns the error for a file whose length is not known before it is read."""
    message = "You must provide the Content-Length HTTP header."
    return AwsError(411, "SerializationException", "MissingContentLength", message)


def coding_not_supported() -> AwsError:
    """Returns the error for a file that is sent in chunks without its length."""
    message = "A header you provided implies functionality that is not implemented"
    return AwsError(501, "SerializationException", "NotImplemented", message, {"Header": "Transfer-Encoding"})


def incomplete_body() -> AwsError:
    """Returns the error for a body that is shorter than its length."""
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError(400, "SerializationException", "IncompleteBody", message)


def not_stored(error: OSError) -> AwsError:
    """Returns the error for a file that could not be written to the disk. Clients retry."""
    return AwsError(500, "InternalServerError", "InternalError", f"The file could not be stored: {error}")
