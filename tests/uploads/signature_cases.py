"""Requests that differ from the one that a URL of an upload was signed for. A store that checks signatures refuses all.

An answer has the error code of S3 in its body, as clients of S3 expect it.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from tests.uploads.scenes import PNG


@dataclass(frozen=True)
class Request:
    """A request to a store. Its `Content-Length` is that of its content."""

    url: str
    content: bytes = PNG
    content_type: str | None = "image/png"
    method: str = "PUT"

    def send(self) -> Answer:
        parts = urlsplit(self.url)
        headers = {"Content-Type": self.content_type} if self.content_type is not None else {}
        with closing(http.client.HTTPConnection(parts.netloc, timeout=30)) as connection:
            connection.request(self.method, f"{parts.path}?{parts.query}", self.content, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())


@dataclass(frozen=True)
class Answer:
    """The response of a store."""

    status: int
    body: bytes

    @property
    def code(self) -> str:
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


Change = Callable[[Request], Request]


def _in_url(old: str, new: str) -> Change:
    return lambda request: replace(request, url=request.url.replace(old, new))


def _other_signature(request: Request) -> Request:
    return replace(request, url=request.url[:-1] + ("0" if request.url[-1] != "0" else "1"))


# By name: the change. S3 answers each of them with 403 SignatureDoesNotMatch.
CHANGES: Mapping[str, Change] = {
    "the key of an object's file": _in_url("/u/", "/blobs/"),
    "the key of another upload": _in_url("/upl_", "/upl_0"),
    "another filename": _in_url(".png?", ".exe?"),
    "a longer validity": _in_url("X-Amz-Expires=3600", "X-Amz-Expires=36000"),
    "a storage class": _in_url("?", "?x-amz-storage-class=GLACIER&"),
    "another signature": _other_signature,
    "fewer signed headers": _in_url("content-length%3B", ""),
    "a longer file": lambda request: replace(request, content=PNG + b"1"),
    "a shorter file": lambda request: replace(request, content=PNG[:-1]),
    "an empty file": lambda request: replace(request, content=b""),
    "another type": lambda request: replace(request, content_type="text/html"),
    "no type": lambda request: replace(request, content_type=None),
    "a download": lambda request: replace(request, method="GET"),
    "a deletion": lambda request: replace(request, method="DELETE"),
}
# The local server answers actions that the service does not use with 403 AccessDenied, whatever their signature.
NOT_SERVED_LOCALLY = {"a storage class", "a deletion"}
