"""Errors that end a command, and their messages."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}


class DeploymentFailed(Exception):
    """The command failed. The message says why, and what to do."""


def describe(error: BotoCoreError | ClientError) -> str:
    """Returns the message to the operator for an error of the AWS SDK."""
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return "There are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        case NoRegionError():
            return "There is no AWS region: set AWS_DEFAULT_REGION, or one in the profile"
        case ProfileNotFound() | EndpointConnectionError():
            return str(error)
        case ClientError() if error.response["Error"].get("Code") in EXPIRED:
            return f"AWS rejects the credentials: {error.response['Error'].get('Message', error)}"
    return f"AWS returned an error: {error}"
