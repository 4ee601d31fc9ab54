"""The AWS credential of a data folder, with which other processes sign their requests to the folder's AWS endpoint."""

from __future__ import annotations

import secrets
from base64 import b32encode
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chalicelib.local.journal.folder import Folder

CREDENTIAL_FILE = "aws_credentials.json"
# AWS's own ids start with AKIA or ASIA, so this one cannot be mistaken for the credential of an AWS account.
_ID_PREFIX = "LOCAL"


class AwsCredential(NamedTuple):
    """An access key of AWS, or of an AWS endpoint."""

    access_key_id: str
    secret_access_key: str


# For clients inside the engine's process, whose requests are not sent and not checked.
UNCHECKED = AwsCredential("embedded", "embedded")


def read_credential(folder: Folder) -> AwsCredential | None:
    """Returns the credential that the folder's owner created, or None if there is no valid one."""
    saved = folder.read(CREDENTIAL_FILE)
    credential = AwsCredential(saved.get("access_key_id", ""), saved.get("secret_access_key", ""))
    return credential if all(isinstance(text, str) and text for text in credential) else None


def ensure_credential(folder: Folder) -> AwsCredential:
    """Returns the folder's credential. Creates it if there is none, or if other users could read the file.

    Only the owner of the folder may call this.
    """
    existing = read_credential(folder)
    if existing is not None and folder.is_private(CREDENTIAL_FILE):
        return existing
    # 15 characters and 40 characters, as in AWS's access keys.
    identifier = _ID_PREFIX + b32encode(secrets.token_bytes(10)).decode()[:15]
    created = AwsCredential(identifier, secrets.token_urlsafe(30))
    folder.write(CREDENTIAL_FILE, created._asdict())
    return created
