"""What the client sends, and how it reads a response."""

from __future__ import annotations

import pytest

from chalicelib.outbound.errors import RequestFailed
from tests.outbound.network import OK, Network, receiving

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_request_has_the_host_of_the_url_and_the_given_headers() -> None:
    with receiving(OK) as receiver:
        headers = {"Content-Type": "application/json", "webhook-id": "msg_1"}
        Network(receiver).client().request("POST", "http://Example.com:8080/hook?a=1#x", headers=headers, body=b"{}")
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /hook?a=1 HTTP/1.1"
    assert {*lines} == {
        "Host: example.com:8080",
        "Connection: close",
        "Accept-Encoding: identity",
        "User-Agent: buckets-api",
        "Content-Type: application/json",
        "webhook-id: msg_1",
        "Content-Length: 2",
    }
    assert body == b"{}"


def test_headers_of_the_connection_cannot_be_replaced() -> None:
    with receiving(OK) as receiver:
        headers = {"host": "other", "Content-Length": "99", "transfer-encoding": "chunked", "user-agent": "own"}
        Network(receiver).client().request("POST", "http://example.com/", headers=headers, body=b"{}")
    head = receiver.requests[0].lower()
    assert b"other" not in head
    assert b"99" not in head
    assert b"chunked" not in head
    assert head.count(b"user-agent:") == 1


@pytest.mark.parametrize("headers", [{"a": "b\r\nc: d"}, {"a\r\nb": "c"}, {"a": "b\0"[:1] + "\n"}])
def test_a_header_with_a_line_break_is_a_fault_of_the_caller(headers: dict[str, str]) -> None:
    network = Network()
    with pytest.raises(ValueError, match="Invalid header"):
        network.client().request("GET", "http://example.com/", headers=headers)
    assert network.connections == []


def test_a_response_has_status_headers_and_body() -> None:
    reply = b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nVia: a\r\nvia: b\r\nContent-Length: 4\r\n\r\nbusy"
    with receiving(reply) as receiver:
        response = Network(receiver).client().request("POST", "http://example.com/", body=b"{}")
    assert (response.status, response.body) == (503, b"busy")
    assert response.headers == {"retry-after": "5", "via": "a, b", "content-length": "4"}


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (CHUNKED + b"3\r\nabc\r\n2;name=value\r\nde\r\n0\r\nTrailer: x\r\n\r\n", b"abcde"),
        (CHUNKED + b"0\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK, b"ok"),
    ],
)
def test_every_form_of_a_body_is_read(reply: bytes, body: bytes) -> None:
    with receiving(reply) as receiver:
        assert Network(receiver).client().request("GET", "http://example.com/").body == body


def test_a_response_to_head_has_no_body() -> None:
    with receiving(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") as receiver:
        assert Network(receiver).client().request("HEAD", "http://example.com/").body == b""


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"ok",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 42 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x00\x01\x02",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101 + b"\r\n",
        CHUNKED + b"5\r\nabc",
        CHUNKED + b"zz\r\nabc\r\n",
        CHUNKED + b"-5\r\nabc\r\n",
        CHUNKED + b"3\r\nabc\r\n",
        CHUNKED + b"FFFFFFFFFFFFFFFFFFFFFFFF\r\nabc",
    ],
)
def test_a_malformed_response_is_a_failed_request(reply: bytes) -> None:
    with receiving(reply) as receiver, pytest.raises(RequestFailed) as raised:
        Network(receiver).client().request("GET", "http://example.com/")
    assert raised.value.reason in {"invalid_response", "unreachable"}
