"""The modified HTTP server of `chalice local`, which responds like the deployed API."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from chalice.app import Chalice, CORSConfig, Response
from chalice.config import Config
from chalice.local import LocalChalice, LocalDevServer

from chalicelib.local.server.gateway import MAX_API_REQUEST_BYTES, Gateway, Handler, Server

SECONDS = 10


def application() -> Chalice:
    """Returns an application that responds with what it received."""
    app = LocalChalice("echo", configure_logs=False, env={})

    @app.route("/echo", methods=["GET", "POST"], cors=CORSConfig(allow_origin="*"), content_types=[])
    def echo() -> dict[str, Any]:
        request = app.current_request
        assert request is not None
        return {"body": cast(bytes, request.raw_body or b"").decode(), "query": dict(request.query_params or {})}

    @app.route("/items/{name}", methods=["GET"], cors=True)
    def item(name: str) -> dict[str, Any]:
        return {"name": name}

    @app.route("/cost", methods=["GET"], cors=True)
    def cost() -> Response:
        shown = "round-trips=2, read-units=0.5, write-units=0.0, s3-requests=1"
        return Response("", headers={"X-Consumed-Capacity": shown})

    @app.route("/nothing", methods=["GET"], cors=True)
    def nothing() -> Response:
        return Response("", status_code=304, headers={"ETag": '"1"'})

    return app


@pytest.fixture(scope="module")
def server() -> Iterator[LocalDevServer]:
    served = LocalDevServer(application(), Config(), "127.0.0.1", 0, handler_cls=Handler, server_cls=Server)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server.server_close()


def port_of(server: LocalDevServer) -> int:
    return int(server.server.server_port)


@pytest.fixture
def connection(server: LocalDevServer) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=SECONDS)
    yield opened
    opened.close()


def raw(server: LocalDevServer, text: bytes) -> bytes:
    """Sends these bytes and returns everything that the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=SECONDS) as client:
        client.sendall(text)
        return b"".join(iter(lambda: client.recv(65536), b""))


def error_in(response: bytes, status: int) -> dict[str, Any]:
    """Returns the `error` object of an error response, which must have this status."""
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), response
    assert b"Access-Control-Allow-Origin: *" in head
    assert b"X-Request-Id: " in head
    envelope = json.loads(body)
    assert (envelope["success"], envelope["status"]) == (False, status)
    return dict(envelope["error"])


@pytest.mark.parametrize("path", ["/", "/nowhere", "/echo/deeper", "/items", "/[", "/%00", "/echo;v=1"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PROPFIND"])
def test_an_unknown_path_gets_404_in_the_error_envelope(server: LocalDevServer, method: str, path: str) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n"
    error = error_in(raw(server, request.encode()), 404)
    assert error["type"] == "NotFoundError"


def test_the_gateway_returns_a_response_for_an_unknown_path_and_does_not_raise() -> None:
    response = Gateway(application(), Config()).handle_request("GET", "/nowhere?a=b", {}, b"")
    assert response["statusCode"] == 404
    assert response["headers"]["Access-Control-Allow-Origin"] == "*"
    assert json.loads(response["body"])["error"]["details"]["path"] == "/nowhere"


def test_an_unknown_method_gets_405_if_the_path_has_a_route(connection: http.client.HTTPConnection) -> None:
    connection.request("PROPFIND", "/echo")
    assert connection.getresponse().status == 405


@pytest.mark.parametrize("path", ["/echo", "/nowhere"])
def test_a_response_to_head_has_no_body(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("HEAD", path)
    assert connection.getresponse().read() == b""
    # A client would parse a body as the start of the next response.
    connection.request("GET", "/items/a")
    assert json.loads(connection.getresponse().read()) == {"name": "a"}


def test_a_304_response_has_no_body(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/nothing")
    response = connection.getresponse()
    assert (response.status, response.getheader("ETag"), response.getheader("Content-Length")) == (304, '"1"', None)
    response.read()
    connection.request("GET", "/items/a")
    assert connection.getresponse().status == 200


def test_capacity_units_are_not_shown_because_the_engine_does_not_know_them(
    connection: http.client.HTTPConnection,
) -> None:
    connection.request("GET", "/cost")
    response = connection.getresponse()
    assert response.getheader("X-Consumed-Capacity") == "round-trips=2, s3-requests=1"


def test_a_body_and_a_query_arrive_unchanged(connection: http.client.HTTPConnection) -> None:
    body = "\u00e4\x00" * 1000
    connection.request("POST", "/echo?a=1&b=", body.encode())
    assert json.loads(connection.getresponse().read()) == {"body": body, "query": {"a": "1", "b": ""}}


def test_a_chunked_body_arrives_complete(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/echo", iter([b"a", b"bc" * 5000, b"d"]))
    assert json.loads(connection.getresponse().read())["body"] == "a" + "bc" * 5000 + "d"
    connection.request("GET", "/items/a")
    assert json.loads(connection.getresponse().read()) == {"name": "a"}


@pytest.mark.parametrize(
    "chunks", [b"", b"x\r\n", b"-1\r\n", b"1\r\nab\r\n0\r\n\r\n", b"5\r\nab", b"2\r\nab\r\n", b"f" * 2000, b"1" * 17]
)
def test_a_body_in_invalid_chunks_is_rejected(server: LocalDevServer, chunks: bytes) -> None:
    request = b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=SECONDS) as client:
        client.sendall(request + chunks)
        client.shutdown(socket.SHUT_WR)
        assert error_in(b"".join(iter(lambda: client.recv(65536), b"")), 400)["code"] == "body_unreadable"


def test_a_too_large_chunked_body_is_rejected(server: LocalDevServer) -> None:
    request = b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=SECONDS) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        error_in(b"".join(iter(lambda: client.recv(65536), b"")), 413)


def test_a_cors_preflight_request_gets_the_allowed_methods(connection: http.client.HTTPConnection) -> None:
    connection.request("OPTIONS", "/echo", headers={"Origin": "http://page"})
    response = connection.getresponse()
    assert (response.status, response.getheader("Access-Control-Allow-Origin")) == (200, "*")
    assert "POST" in response.getheader("Access-Control-Allow-Methods", "")


@pytest.mark.parametrize(
    "header",
    [
        "Content-Length: x",
        "Content-Length: -1",
        "Content-Length: 1.5",
        "Content-Length: \u00b2",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: " + "9" * 30,
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip\r\nContent-Length: 2",
    ],
)
def test_a_body_whose_end_is_unclear_is_rejected(server: LocalDevServer, header: str) -> None:
    request = f"POST /echo HTTP/1.1\r\nHost: h\r\n{header}\r\n\r\n".encode("latin-1")
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=SECONDS) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        response = b"".join(iter(lambda: client.recv(65536), b""))
    assert error_in(response, 400)["type"] == "BadRequestError"
    assert time.monotonic() - started < SECONDS / 2


def test_a_body_that_is_cut_off_does_not_reach_the_application(server: LocalDevServer) -> None:
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=SECONDS) as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
        client.shutdown(socket.SHUT_WR)
        assert error_in(b"".join(iter(lambda: client.recv(65536), b"")), 400)["code"] == "body_unreadable"


def test_a_too_large_body_is_rejected_before_it_arrives(server: LocalDevServer) -> None:
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=SECONDS) as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\n")
        response = client.recv(65536)
        assert error_in(response, 413)["type"] == "PayloadTooLargeError"


def test_a_client_that_sends_its_entire_body_before_it_reads_gets_the_413(
    connection: http.client.HTTPConnection,
) -> None:
    connection.request("POST", "/echo", b"x" * (MAX_API_REQUEST_BYTES + 1))
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["error"]["type"]) == (413, "PayloadTooLargeError")


def test_a_client_that_expects_100_continue_gets_it_at_once(server: LocalDevServer) -> None:
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=SECONDS) as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"ab")
        assert b'"ab"' in client.recv(65536)


@pytest.mark.parametrize("request_line", [b"rubbish", b"GET / HTTP/9.9", b"GET /" + b"x" * 70_000 + b" HTTP/1.1"])
def test_an_invalid_http_request_gets_an_error_envelope(server: LocalDevServer, request_line: bytes) -> None:
    error_in(raw(server, request_line + b"\r\n\r\n"), 400)


def test_64_concurrent_clients_are_all_served(server: LocalDevServer) -> None:
    barrier = threading.Barrier(64)

    def call(number: int) -> Any:
        client = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=SECONDS)
        barrier.wait(SECONDS)
        client.request("POST", "/echo", f"body {number}")
        response = client.getresponse().read()
        client.close()
        return json.loads(response)["body"]

    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(call, range(64))) == [f"body {number}" for number in range(64)]


def test_a_response_on_a_kept_connection_does_not_wait_for_an_acknowledgement(
    connection: http.client.HTTPConnection,
) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        connection.request("GET", "/items/a")
        connection.getresponse().read()
        return time.perf_counter() - started

    # A delayed acknowledgement takes 40 ms, and would affect every response but the first ones.
    assert sorted(seconds() for _ in range(30))[15] < 0.03


def test_a_client_that_disconnects_does_not_affect_the_server(
    server: LocalDevServer, connection: http.client.HTTPConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port_of(server)), timeout=SECONDS) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            client.sendall(b"GET /items/a HTTP/1.1\r\nHost: h\r\n\r\n")
    connection.request("GET", "/items/a")
    assert connection.getresponse().status == 200
    assert "Traceback" not in capfd.readouterr().err
