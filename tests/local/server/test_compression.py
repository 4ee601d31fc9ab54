"""The local server compresses responses and decompresses requests as API Gateway does."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import ApiError, MediaTypeUnsupported, TooLarge
from chalicelib.local.server.compression import COMPRESSED_BYTES, accepts_gzip, compressed, decompressed
from chalicelib.local.server.gateway import MAX_API_REQUEST_BYTES
from tests.local.server.test_gateway import connection, server

__all__ = ["connection", "server"]

RESOURCES = json.loads((Path(__file__).parents[3] / ".chalice" / "resources.json").read_text())
LONG = b"x" * COMPRESSED_BYTES


def test_the_smallest_compressed_body_is_the_default_of_the_template() -> None:
    assert RESOURCES["Parameters"]["CompressedBytes"]["Default"] == COMPRESSED_BYTES


@pytest.mark.parametrize(
    "accepted", ["gzip", "GZIP", "gzip, deflate, br", "deflate;q=0.5, gzip;q=0.1", "*", "*;q=0.2", "x-gzip"]
)
def test_a_client_that_accepts_gzip_gets_it(accepted: str) -> None:
    content = compressed(LONG, accepted)
    assert content is not None
    assert gzip.decompress(content) == LONG


@pytest.mark.parametrize(
    "accepted", [None, "", "identity", "br", "gzip;q=0", "gzip; q=0.0", "*, gzip;q=0", "gzip;q=x", "gzip;level=1;q=0"]
)
def test_other_clients_do_not(accepted: str | None) -> None:
    assert compressed(LONG, accepted) is None
    assert not accepts_gzip(accepted or "")


def test_a_small_body_is_not_compressed() -> None:
    assert compressed(LONG[1:], "gzip") is None


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_response_has_the_length_of_the_compressed_body(connection: http.client.HTTPConnection, method: str) -> None:
    sizes = []
    for accepted in ("identity", "gzip"):
        headers = {"Accept-Encoding": accepted, "Content-Type": "text/plain"}
        connection.request(method, "/echo?x=" + "y" * 3_000, body=LONG if method == "POST" else None, headers=headers)
        response = connection.getresponse()
        raw = response.read()
        assert response.headers.get("Content-Encoding") == (accepted if accepted == "gzip" else None)
        assert int(response.headers["Content-Length"]) == len(raw)
        sizes.append(len(raw))
        body = json.loads(gzip.decompress(raw) if accepted == "gzip" else raw)
        assert body["query"] == {"x": "y" * 3_000}
    assert sizes[1] < sizes[0] / 2


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "": bytes,
}


@given(st.binary(max_size=200), st.sampled_from(list(CODINGS)))
def test_a_request_of_any_size_up_to_the_limit_is_decompressed(content: bytes, coding: str) -> None:
    assert decompressed(CODINGS[coding](content), coding, limit=200) == content


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_a_body_that_is_not_in_its_coding_is_rejected(content: bytes, coding: str) -> None:
    with pytest.raises(ApiError):
        decompressed(content, coding, limit=0)
    whole = CODINGS[coding](content)
    for damaged in (whole[:-1], whole + b"x"):
        with pytest.raises(MediaTypeUnsupported, match=coding):
            decompressed(damaged, coding, limit=200)


@pytest.mark.parametrize("coding", ["br", "compress", "gzip, gzip", "deflate, gzip", "aws-chunked"])
def test_other_codings_are_rejected(coding: str) -> None:
    with pytest.raises(MediaTypeUnsupported, match="gzip or deflate"):
        decompressed(b"{}", coding, limit=200)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_small_request_cannot_become_a_large_body(coding: str) -> None:
    small = CODINGS[coding](bytes(MAX_API_REQUEST_BYTES + 1))
    with pytest.raises(TooLarge):
        decompressed(small, coding, MAX_API_REQUEST_BYTES)


def test_the_server_decompresses_a_request(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/echo", body=gzip.compress(LONG), headers={"Content-Encoding": "gzip"})
    response = connection.getresponse()
    assert json.loads(response.read())["body"] == LONG.decode()


def test_a_request_in_another_coding_gets_the_error_envelope(connection: http.client.HTTPConnection) -> None:
    for coding, body in (("br", LONG), ("gzip", LONG), ("deflate", LONG)):
        connection.request("POST", "/echo", body=body, headers={"Content-Encoding": coding})
        response = connection.getresponse()
        envelope = json.loads(response.read())
        assert (response.status, envelope["success"]) == (415, False)
        assert envelope["error"]["type"] == "UnsupportedMediaTypeError"
