"""Reads blobs as the API reads them from a request body."""

from __future__ import annotations

import base64
import json
from typing import Any, NoReturn

import pytest

from chalicelib.blobs.content import NewBlob, read_blob
from chalicelib.blobs.models import CreateBlobRequest
from chalicelib.core.errors import RequestInvalid
from chalicelib.schemas.values import FILE_TYPES

LOCATION = ("body", "blobs", 0)
SCHEMA: dict[str, Any] = {
    "properties": {**{name: {"type": name} for name in sorted(FILE_TYPES)}, "title": {"type": "string"}}
}
PNG_HEADER = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def no_upload(upload_id: str, _: object) -> NoReturn:
    """Replaces the function that finds uploads in tests that must not read any."""
    raise AssertionError(f"this test has no upload {upload_id}")


def read(type_: str, data: Any = None, **more: Any) -> NewBlob:
    """Returns the blob that a request describes."""
    fields = {"property": type_, "type": type_, "data": data, **more}
    request = CreateBlobRequest.model_validate_json(json.dumps(fields))
    return read_blob(request, SCHEMA, location=LOCATION, find_upload=no_upload)


def rejection(type_: str, data: Any = None, **more: Any) -> tuple[tuple[str | int, ...], str]:
    """Returns the location, within the blob, and the message of the only problem of an invalid request."""
    with pytest.raises(RequestInvalid) as raised:
        read(type_, data, **more)
    (problem,) = raised.value.problems
    assert problem.location[:3] == LOCATION
    return problem.location[3:], problem.message
