"""Errors of the AWS endpoint, in the forms that AWS clients understand."""

from __future__ import annotations

import json
from typing import NamedTuple
from xml.sax.saxutils import escape


class AwsError(Exception):
    """The endpoint rejects a request. DynamoDB and S3 have different names for most errors."""

    def __init__(self, status: int, dynamodb_type: str, s3_code: str, message: str) -> None:
        super().__init__(message)
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
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{error.s3_code}</Code><Message>{escape(error.message)}</Message></Error>"
    )
    return ErrorBody("application/xml", text.encode())


def access_denied(message: str = "Access Denied") -> AwsError:
    """Returns the error for a request that may not be made here."""
    return AwsError(403, "AccessDeniedException", "AccessDenied", message)


def malformed_signature(message: str, *, presigned: bool) -> AwsError:
    """Returns the error for a signature that is incomplete or has an unknown form."""
    code = "AuthorizationQueryParametersError" if presigned else "AuthorizationHeaderMalformed"
    return AwsError(400, "IncompleteSignatureException", code, message)


def bad_request(message: str) -> AwsError:
    """Returns the error for a request that is not valid HTTP, or is ambiguous."""
    return AwsError(400, "SerializationException", "InvalidRequest", message)
