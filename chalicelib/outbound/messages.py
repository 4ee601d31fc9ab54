"""HTTP/1.1 messages: the bytes of a request, and reading a response within limits."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, cast

from chalicelib.outbound.urls import CheckedUrl

if TYPE_CHECKING:
    from chalicelib.outbound.connection import Connection

USER_AGENT = "buckets-api"
# Status line and headers, and those of interim responses (1xx) before it.
MAX_HEADER_BYTES = 65_536
# A chunk of one byte is sent as six.
MAX_FRAMING_FACTOR = 6
_LENGTH = re.compile(r"[0-9]{1,18}")
# After such a line, the email parser takes the other headers for the body.
_HIDING_HEADERS = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect, MisplacedEnvelopeHeaderDefect)


@dataclass(frozen=True, slots=True)
class GuardedResponse:
    """A response. The names of its headers are in lower case; a repeated header has its values joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Recorder(HTTPConnection):
    """Collects the bytes of a request instead of sending them. It never opens a connection."""

    def __init__(self, url: CheckedUrl) -> None:
        super().__init__(url.host, url.port)
        self.sent = bytearray()

    def send(self, data: Any) -> None:
        self.sent += data


def request_bytes(method: str, url: CheckedUrl, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Returns a request as it is sent. Raises ValueError for a method or a header with control characters.

    Headers that concern the connection are not taken from `headers`.
    """
    own = {
        "Host": url.authority,
        "Connection": "close",
        # A compressed body could be much larger than its limit.
        "Accept-Encoding": "identity",
    }
    reserved = {name.lower() for name in own} | {"content-length", "transfer-encoding"}
    given = {name: value for name, value in headers.items() if name.lower() not in reserved}
    agent = {} if any(name.lower() == "user-agent" for name in given) else {"User-Agent": USER_AGENT}
    recorder = _Recorder(url)
    recorder.request(method, url.target, body, {**own, **agent, **given})
    return bytes(recorder.sent)


def read_head(connection: Connection, method: str) -> HTTPResponse:
    """Returns a response whose headers have been read. Skips interim responses (RFC 9110, section 15.2).

    Raises HTTPException if nobody can know where its body ends.
    """
    while True:
        # http.client calls only `makefile` of the socket.
        response = HTTPResponse(cast(socket.socket, connection), method=method)
        response.begin()
        if response.status >= 200:
            _check_framing(response)
            return response


def _check_framing(response: HTTPResponse) -> None:
    """Raises HTTPException unless the headers say where the body ends (RFC 9112, section 6.3).

    http.client ignores a length that it cannot read and other codings than chunked, and reads to the end of the
    connection. Then a body that was cut, or is not the file, would count as a whole one.
    """
    if any(isinstance(defect, _HIDING_HEADERS) for defect in response.msg.defects):
        raise HTTPException("a line is no header, so those after it are unknown")
    codings = _values(response, "Transfer-Encoding")
    if codings:
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise HTTPException("the body has an unknown transfer coding")
        return
    lengths = _values(response, "Content-Length")
    if not all(_LENGTH.fullmatch(length) for length in lengths) or len(set(map(int, lengths))) > 1:
        raise HTTPException("the length of the body is unknown")
    if lengths and response.length is None:  # the same length several times in one header
        response.length = int(lengths[0])


def _values(response: HTTPResponse, name: str) -> list[str]:
    return [part.strip() for value in response.msg.get_all(name, ()) for part in value.split(",")]


def headers_of(response: HTTPResponse) -> dict[str, str]:
    """Returns the headers of a response by their names in lower case."""
    joined: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined
