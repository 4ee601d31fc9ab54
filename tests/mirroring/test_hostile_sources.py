"""Hostile URLs and servers: nothing is fetched beyond its bounds, and each ends with a clear error."""

from __future__ import annotations

import gzip
import time
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.outbound.errors import UrlRefused
from chalicelib.wiring import build
from tests.mirroring.scenes import HEAD, URL, Host, Scene, hosting, new_scene, reply_with, url_blob
from tests.outbound.hostile_urls import REBOUND, WRITTEN
from tests.outbound.network import PUBLIC, Network, Reply, receiving, redirect
from tests.outbound.test_limits import CHUNKED, dripping, flooding, silent
from tests.support.log import Log
from tests.support.slow_time import SlowTime
from tests.support.world import World
from tests.uploads.scenes import PNG

# Texts without a scheme of the service are no URLs for it; `tests/blobs` tests these.
HTTP_URLS = [url for url in WRITTEN if url.lower().startswith(("http://", "https://"))]
MAX_BYTES = 2_000
FETCH_SECONDS = 0.1
BOMB = gzip.compress(bytes(10_000_000))


@pytest.fixture
def limited(scene: Scene) -> Scene:
    """A scene in which a file has few bytes, and little time."""
    scene.worker(max_bytes=MAX_BYTES, fetch_seconds=FETCH_SECONDS)
    return scene


def failed(scene: Scene, made: dict[str, Any]) -> dict[str, Any]:
    """Checks that nothing was stored, that the object says why, and that nobody learns anything of the network."""
    stored = scene.get(made)
    (blob,) = stored["blobs"]
    mirror = dict(blob["properties"]["mirror"])
    assert mirror["status"] == "FAILED", mirror
    assert blob["properties"]["url"] == mirror["source_url"]
    assert (stored["status"], scene.keys(), scene.unfinished()) == ("FAILED", [], [])
    text = mirror["error"]["message"]
    assert stored["error"] == f"The file of 'poster' could not be copied from its URL: {text}"
    assert not any(secret in text for secret in ("127.0", "169.254", "10.0", "Errno", "Traceback", "SSL"))
    assert (scene.queue.waiting, scene.queue.dead) == ([], [])
    return mirror


@pytest.mark.parametrize("url", HTTP_URLS)
def test_a_url_that_is_refused_by_its_text_is_refused_when_it_is_sent(scene: Scene, url: str) -> None:
    for data, member in ((url, ["data"]), ({"url": url}, ["data", "url"])):
        refused = scene.post(url_blob(data))
        assert (refused.status, refused.error["type"]) == (422, "ValidationError"), refused.text
        (problem,) = refused.error["details"]["validation_errors"]
        assert problem["location"] == ["body", "blobs", 0, *member]
        assert problem["type"] == "url_invalid"
    assert (scene.host.network.lookups, scene.host.network.connections) == ([], [])


@pytest.mark.parametrize("url", ["http://10.0.0.1/a.png", "http://user:pw@example.com/", "http://localhost/a.png"])
def test_all_operations_refuse_the_same_urls(scene: Scene, url: str) -> None:
    made = scene.create(canonicalize_source=False)
    put = scene.api.put(f"/v1/buckets/reels/objects/{made['object_id']}", {"blobs": [url_blob(url)]})
    assert (put.status, put.error["details"]["validation_errors"][0]["type"]) == (422, "url_invalid")
    rows = scene.api.post("/v1/buckets/reels/objects/batch", {"objects": [{"title": "a"}, {"blobs": [url_blob(url)]}]})
    assert [(row["object_index"], row["error_type"]) for row in rows.json["failed"]] == [(1, "URLValidationError")]
    assert "canonicalize_source: false" in rows.json["failed"][0]["error"]
    kept = scene.create(url_blob(url), canonicalize_source=False)
    assert kept["blobs"][0]["properties"] == {"url": url}


@pytest.mark.parametrize("url", REBOUND)
def test_a_name_with_a_private_address_is_not_connected_to(time: SlowTime, world: World, url: str) -> None:
    with hosting() as host:
        host.network = Network(host.receiver, answers=[[PUBLIC, REBOUND[url]]])
        scene = new_scene(world, host)
        made = scene.create(url_blob(url))
        scene.finish()
        mirror = failed(scene, made)
    # An address with a zone cannot be parsed, which counts as a name without an address, and is tried again.
    assert mirror["error"]["code"] in ("not_public", "unresolved")
    assert mirror["error"]["message"] == "The host name has no address, or not only addresses on the public internet."
    assert host.network.connections == []


def test_a_name_that_becomes_private_after_the_check_is_not_connected_to(time: SlowTime, world: World) -> None:
    with hosting(reply_with(b"", status=503)) as host:
        host.network = Network(host.receiver, answers=[[PUBLIC], ["169.254.169.254"]])
        scene = new_scene(world, host)
        made = scene.create()
        scene.finish()
        assert failed(scene, made)["error"]["code"] == "not_public"
        # Each request makes one look-up, and connects to an address of this look-up.
        assert (host.network.connections, len(host.network.lookups)) == ([(PUBLIC, 80)], 2)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://localhost:8000/",
        "http://user@films.example.com/",
        "http://films.example.com:22/",
        "ftp://films.example.com/",
        "file:///etc/passwd",
        "s3://bucket/key",
        "gopher://films.example.com/",
        "//127.0.0.1/",
        "http://films.example.com\\@127.0.0.1/",
    ],
)
@pytest.mark.parametrize("status", [302, 308])
def test_a_redirect_to_a_url_that_is_refused_is_not_followed(scene: Scene, location: str, status: int) -> None:
    scene.host.reply(redirect(location, status))
    made = scene.create()
    scene.finish()
    assert failed(scene, made)["attempts"] == 1
    assert scene.host.requests == 1


def test_a_redirect_from_https_is_not_followed_to_http_and_a_loop_ends(scene: Scene) -> None:
    scene.host.reply(redirect("/again"))
    made = scene.create()
    scene.finish()
    assert failed(scene, made)["error"] == {
        "code": "too_many_redirects",
        "message": "The host redirects more than 3 times.",
    }
    assert scene.host.requests == 4


SERVERS: dict[str, tuple[Reply, str]] = {
    "a length above the limit": (HEAD + b"Content-Length: 1000000000000\r\n\r\n", "file_too_large"),
    "a length one above the limit": (reply_with(bytes(MAX_BYTES + 1)), "file_too_large"),
    "an endless body": (flooding(HEAD + b"\r\n", b"a" * 10_000), "file_too_large"),
    "endless chunks": (flooding(CHUNKED, b"1\r\na\r\n" * 1000), "file_too_large"),
    "endless trailers": (flooding(CHUNKED + b"1\r\na\r\n0\r\n", b"Trailer: a\r\n" * 100), "file_too_large"),
    "a chunk of a negative size": (flooding(CHUNKED + b"-1\r\n", b"a" * 1000), "file_too_large"),
    "endless headers": (flooding(HEAD, b"Name: " + b"a" * 60_000 + b"\r\n"), "file_too_large"),
    "endless interim responses": (flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "file_too_large"),
    "a gzip bomb": (reply_with(BOMB[:1500], "Content-Encoding: gzip"), "content_encoding"),
    "a bomb in two encodings": (reply_with(b"a", "Content-Encoding: identity, br"), "content_encoding"),
    "an unknown encoding": (reply_with(b"a", "Content-Encoding: x-own"), "content_encoding"),
    "two different encodings": (reply_with(b"a", "Content-Encoding: ", "Content-Encoding: zstd"), "content_encoding"),
    "an empty file": (reply_with(b""), "file_empty"),
    "no content": (b"HTTP/1.1 204 x\r\n\r\n", "status"),
    "a part of a file": (reply_with(PNG, "Content-Range: bytes 0-9/99", status=206), "status"),
    "a missing file": (reply_with(b"", status=404), "status"),
    "a page for people": (
        reply_with(b"<html><body>Log in</body></html>", "Content-Type: text/html"),
        "content_type_mismatch",
    ),
    "a program": (reply_with(b"MZ" + bytes(70), "Content-Type: application/pdf"), "content_type_mismatch"),
    "another file type": (
        reply_with(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "Content-Type: image/png"),
        "content_type_mismatch",
    ),
}
SLOW: dict[str, Reply] = {
    "a silent host": silent,
    "a slow status": dripping(b"", b"H"),
    "slow headers": dripping(HEAD, b"a"),
    "a slow body": dripping(HEAD + b"Content-Length: 1000\r\n\r\n", b"a"),
    "slow chunks": dripping(CHUNKED, b"1\r\na\r\n"),
    "a slow endless body": dripping(HEAD + b"\r\n", b"a"),
}
BROKEN: dict[str, Reply] = {
    "a closed connection": lambda accepted: accepted.close(),
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/0.9": b"<html></html>",
    "a short body": HEAD + b"Content-Length: 1000\r\n\r\nshort",
    "cut chunks": CHUNKED + b"5\r\nab",
    "a length that is no number": HEAD + b"Content-Length: one\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_whose_file_is_refused(limited: Scene, name: str) -> None:
    reply, code = SERVERS[name]
    limited.host.reply(reply)
    made = limited.create()
    began = time.monotonic()
    limited.finish()
    assert time.monotonic() - began < 10
    mirror = failed(limited, made)
    assert (mirror["error"]["code"], mirror["attempts"], limited.host.requests) == (code, 1, 1)


@pytest.mark.parametrize("name", [*SLOW, *BROKEN])
def test_a_server_that_may_work_later_is_tried_again(limited: Scene, name: str) -> None:
    limited.host.reply({**SLOW, **BROKEN}[name])
    made = limited.create()
    began, before = time.monotonic(), limited.world.clock.now
    limited.finish()
    assert time.monotonic() - began < 5 * FETCH_SECONDS + 5
    mirror = failed(limited, made)
    expected = {"timed_out"} if name in SLOW else {"invalid_response", "unreachable"}
    assert mirror["error"]["code"] in expected, mirror
    attempts, seconds = (2, 30) if name in SLOW else (5, 30 + 120 + 480 + 900)
    assert (mirror["attempts"], limited.host.requests) == (attempts, attempts)
    assert (limited.world.clock.now - before).total_seconds() == pytest.approx(seconds, abs=10)


def test_a_file_of_the_largest_size_is_copied(limited: Scene) -> None:
    content = PNG + bytes(MAX_BYTES - len(PNG))
    limited.host.reply(reply_with(content))
    made = limited.create()
    limited.finish()
    limited.check_stored(made, content)


def test_a_bomb_that_is_not_decoded_is_a_file_like_any_other(limited: Scene) -> None:
    limited.worker(max_bytes=100_000)
    limited.host.reply(reply_with(BOMB, "Content-Type: image/png"))
    made = limited.create()
    limited.finish()
    assert failed(limited, made)["error"]["code"] == "content_type_mismatch"


def test_a_url_is_fetched_as_it_was_given(scene: Scene, host: Host) -> None:
    made = scene.create(url_blob("http://films.example.com/a%20b.png?token=s%26cret#part"))
    scene.finish()
    scene.check_stored(made)
    assert host.receiver.requests[0].startswith(b"GET /a%20b.png?token=s%26cret HTTP/1.1\r\n")


def test_credentials_in_a_url_are_not_logged(scene: Scene, log: Log) -> None:
    scene.create(url_blob(f"{URL}?token=geheim"))
    scene.host.reply(reply_with(b"", status=503), reply_with(b"", status=404))
    scene.finish()
    assert [line["ended"] for line in log.lines if line["message"] == "mirror"] == ["retries", "failed"]
    assert "geheim" not in log.text


@pytest.mark.parametrize("allowed", [False, True])
def test_only_the_setting_for_development_permits_private_hosts(world: World, allowed: bool) -> None:
    services = build(replace(world.settings, allow_private_urls=allowed), world.client, lambda: world.s3)
    client = services.mirror_messages.worker.client()
    with receiving(reply_with(PNG)) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        if not allowed:
            with pytest.raises(UrlRefused):
                client.stream(url, timeout_seconds=5, max_bytes=1000)
            return
        with client.stream(url, timeout_seconds=5, max_bytes=1000) as response:
            assert b"".join(response.chunks()) == PNG
