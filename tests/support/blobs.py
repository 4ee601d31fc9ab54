"""Files as clients send them, read the way a body is read."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from chalicelib.blobs.content import NewBlob, read_blob
from chalicelib.blobs.models import CreateBlobRequest
from chalicelib.core.errors import RequestInvalid
from chalicelib.schemas.values import FILE_TYPES

LOCATION = ("body", "blobs", 0)
SCHEMA: dict[str, Any] = {
    "properties": {**{name: {"type": name} for name in sorted(FILE_TYPES)}, "title": {"type": "string"}}
}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def read(type_: str, data: Any = None, **more: Any) -> NewBlob:
    """The file that a request describes, read the way a body is read."""
    given_ = {"property": type_, "type": type_, "data": data, **more}
    request = CreateBlobRequest.model_validate_json(json.dumps(given_))
    return read_blob(request, SCHEMA, location=LOCATION)


def rejection(type_: str, data: Any = None, **more: Any) -> tuple[tuple[str | int, ...], str]:
    """Where a request is refused, and why."""
    with pytest.raises(RequestInvalid) as refusal:
        read(type_, data, **more)
    (problem,) = refusal.value.problems
    assert problem.location[:3] == LOCATION
    return problem.location[3:], problem.message
