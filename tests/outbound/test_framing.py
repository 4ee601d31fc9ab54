"""A body is whole, or the response is refused: any combination of lengths, transfer codings and cuts."""

from __future__ import annotations

import re
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.outbound.connection import Connection
from chalicelib.outbound.deadline import Deadline
from chalicelib.outbound.errors import RequestFailed
from chalicelib.outbound.messages import MAX_HEADER_BYTES, read_head
from chalicelib.outbound.streams import GuardedStream
from chalicelib.outbound.translation import translated_errors
from tests.outbound.network import Network, receiving
from tests.outbound.test_tls import Contexts, Servers, server_for, trusting
from tests.support.nightly import full_or_small

__all__ = ["server_for", "trusting"]

BODY = b"0123456789"
CHUNKS = b"4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
CODINGS = ["chunked", "Chunked", "gzip", "gzip, chunked", "chunked, gzip", "identity", "chunked, chunked", "x"]
LENGTHS = [
    "10",
    "9",
    "11",
    "0",
    "10, 10",
    "10, 11",
    "010",
    "+10",
    "1_0",
    "-1",
    "ten",
    "10 bytes",
    "",
    "0xa",
    "9" * 5000,
]
CONTINUATION = " a continuation"
OTHERS = ["X-Note: a", "a line without a separator", "Content-Length : 10", CONTINUATION]
HEADERS = st.one_of(
    st.sampled_from(CODINGS).map("Transfer-Encoding: {}".format),
    st.sampled_from(LENGTHS).map("Content-Length: {}".format),
    st.sampled_from(OTHERS[:1]),
    st.sampled_from(OTHERS),
)


def read(data: bytes) -> bytes | None:
    """Returns the body of a response that ends with the connection; None if its framing is refused."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(ours, Deadline(time.monotonic, 5), MAX_HEADER_BYTES)
        try:
            with translated_errors():
                head = read_head(connection, "GET")
            return b"".join(GuardedStream(connection, head, 1000).chunks())
        except RequestFailed as error:
            if error.reason != "invalid_response":
                raise
            return None


def values_of(headers: list[str], name: str) -> list[str]:
    values = [line.partition(":")[2] for line in headers if line.startswith(f"{name}:")]
    return [part.strip() for value in values for part in value.split(",")]


def expected(headers: list[str], sent: bytes) -> bytes | None:
    """Returns the body that RFC 9112 (6.3) gives these headers and bytes; None if it is cut, or nobody can know."""
    if any(line in headers for line in OTHERS[1:3]) or headers[:1] == [CONTINUATION]:
        return None
    whole = "\n".join(headers).replace(f"\n{CONTINUATION}", CONTINUATION).split("\n")
    codings, lengths = values_of(whole, "Transfer-Encoding"), values_of(whole, "Content-Length")
    if codings:
        is_whole = len(sent) > CHUNKS.rindex(b"0\r\n")
        return BODY if [each.lower() for each in codings] == ["chunked"] and is_whole else None
    if not lengths:
        return sent
    if not all(re.fullmatch("[0-9]{1,18}", each) for each in lengths) or len(set(map(int, lengths))) > 1:
        return None
    length = int(lengths[0])
    return sent[:length] if len(sent) >= length else None


@given(headers=st.lists(HEADERS, max_size=3), cut=st.integers(0, len(CHUNKS)))
@settings(max_examples=full_or_small(2_000, 200))
def test_a_body_is_whole_or_refused(headers: list[str], cut: int) -> None:
    is_chunked = "chunked" in (each.lower() for each in values_of(headers, "Transfer-Encoding"))
    sent = (CHUNKS if is_chunked else BODY)[:cut]
    lines = "".join(f"{line}\r\n" for line in headers).encode()
    assert read(HEAD + lines + b"\r\n" + sent) == expected(headers, sent)


@pytest.mark.parametrize("type_", ["multipart/form-data", "multipart/mixed; boundary=a", "message/rfc822", "a"])
def test_a_content_type_with_parts_is_no_damage(type_: str) -> None:
    assert read(HEAD + f"Content-Type: {type_}\r\nContent-Length: 10\r\n\r\n".encode() + BODY) == BODY


@pytest.mark.parametrize(
    ("headers", "sent", "is_whole"),
    [(b"", BODY, False), (b"Content-Length: 10\r\n", BODY, True), (b"Transfer-Encoding: chunked\r\n", CHUNKS, True)],
)
def test_with_tls_a_body_without_a_length_needs_an_orderly_end(
    server_for: Servers, trusting: Contexts, headers: bytes, sent: bytes, is_whole: bool
) -> None:
    """The server of the tests closes the connection without the message `close_notify`."""
    with receiving(HEAD + headers + b"\r\n" + sent, tls=server_for("example.com")) as receiver:
        client = Network(receiver).client(tls=trusting)
        with client.stream("https://example.com/", timeout_seconds=5, max_bytes=100) as response:
            if is_whole:
                assert b"".join(response.chunks()) == BODY
                return
            with pytest.raises(RequestFailed) as raised:
                list(response.chunks())
    assert raised.value.reason == "invalid_response"


def test_with_tls_a_body_without_a_length_that_ends_in_order_is_whole(server_for: Servers, trusting: Contexts) -> None:
    def reply(accepted: socket.socket) -> None:
        accepted.sendall(HEAD + b"\r\n" + BODY)
        accepted.unwrap()  # type: ignore[attr-defined]

    with receiving(reply, tls=server_for("example.com")) as receiver:
        client = Network(receiver).client(tls=trusting)
        with client.stream("https://example.com/", timeout_seconds=5, max_bytes=100) as response:
            assert b"".join(response.chunks()) == BODY


def test_an_answer_of_a_few_bytes_needs_no_orderly_end(server_for: Servers, trusting: Contexts) -> None:
    """The receiver of a webhook has processed it, so a request is not repeated for the end of its answer."""
    with receiving(HEAD + b"\r\nok", tls=server_for("example.com")) as receiver:
        assert Network(receiver).client(tls=trusting).request("POST", "https://example.com/").body == b"ok"
