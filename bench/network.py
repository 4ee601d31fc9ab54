"""A network in memory: answers recorded once from a real run, given back without an engine behind.

Both sides of a ratio are answered by the same function, so what it costs is in both alike.
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
    """What botocore reads a body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> list[bytes]:
        return [self._body]


def answer_from(recorded: Mapping[str, bytes]) -> None:
    """From now on, in this process, every AWS call is answered with what was recorded for its kind."""

    def send(_: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        return AWSResponse(request.url, 200, HTTPHeaders.from_dict(JSON_HEADERS), _Raw(recorded[kind(request)]))

    URLLib3Session.send = send  # type: ignore[method-assign, assignment]


def kind(request: AWSPreparedRequest) -> str:
    """The operation of a call, its table, and whether it reads a namespace's totals or an index."""
    target: str | bytes = request.headers["X-Amz-Target"]
    text = target.decode() if isinstance(target, bytes) else target
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    marks = (("#objects", '"bench-objects"'), ("#totals", '"#T'), ("#index", '"IndexName"'))
    return text.rpartition(".")[2] + "".join(name for name, mark in marks if mark in body)


def save(recorded: Mapping[str, bytes], path: Path) -> None:
    """Keeps recorded answers for other processes."""
    path.write_text(json.dumps({name: body.decode() for name, body in recorded.items()}))


def load(path: Path) -> dict[str, bytes]:
    """The answers that `save` kept."""
    return {name: body.encode() for name, body in json.loads(path.read_text()).items()}
