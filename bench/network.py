"""Replaces the network: AWS calls get responses that were recorded in an earlier run with an engine.

Both sides of a ratio use the same function, so its cost is the same for both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session

JSON_HEADERS = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "bench"}


class _Raw:
    """A response body as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> list[bytes]:
        return [self._body]


def replay(recorded: Mapping[str, bytes]) -> None:
    """Replaces the network in this process. Each AWS call gets the recorded response to a call of the same kind."""

    def send(_: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        return AWSResponse(request.url, 200, HTTPHeaders.from_dict(JSON_HEADERS), _Raw(recorded[kind(request)]))

    URLLib3Session.send = send  # type: ignore[method-assign, assignment]


def kind(request: AWSPreparedRequest) -> str:
    """Returns the operation of a call, with suffixes for the objects table, the totals of a namespace, and an index."""
    target: str | bytes = request.headers["X-Amz-Target"]
    text = target.decode() if isinstance(target, bytes) else target
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    marks = (("#objects", '"bench-objects"'), ("#totals", '"#T'), ("#index", '"IndexName"'))
    return text.rpartition(".")[2] + "".join(name for name, mark in marks if mark in body)


def save(recorded: Mapping[str, bytes], path: Path) -> None:
    """Writes recorded responses to a file for other processes."""
    path.write_text(json.dumps({name: body.decode() for name, body in recorded.items()}))


def load(path: Path) -> dict[str, bytes]:
    """Reads the responses that `save` wrote."""
    return {name: body.encode() for name, body in json.loads(path.read_text()).items()}
