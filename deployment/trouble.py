"""What ends a command with one clear line."""

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
    """The stage is not as it was asked to be; the message says why, and what to do."""


def words(error: BotoCoreError | ClientError) -> str:
    """What an operator is told of an error of the AWS SDK."""
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return "There are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        case NoRegionError():
            return "There is no AWS region: set AWS_DEFAULT_REGION, or one in the profile"
        case ProfileNotFound() | EndpointConnectionError():
            return str(error)
        case ClientError() if error.response["Error"].get("Code") in EXPIRED:
            return f"AWS does not take the credentials: {error.response['Error'].get('Message', error)}"
    return f"AWS refused: {error}"
