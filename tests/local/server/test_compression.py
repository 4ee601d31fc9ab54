"""The local server compresses responses as API Gateway does."""

from __future__ import annotations

import gzip
import http.client
import json
from pathlib import Path

import pytest

from chalicelib.local.server.compression import COMPRESSED_BYTES, accepts_gzip, compressed
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
