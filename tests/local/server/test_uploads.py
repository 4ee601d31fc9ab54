"""Uploads on a server in a process of its own: the URL accepts exactly the declared file, and an object appears."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chalicelib.local.client import local_s3_client
from chalicelib.local.credential import AwsCredential
from chalicelib.settings import Settings
from tests.local.server.conftest import Run, code_of
from tests.support.nightly import NIGHTLY
from tests.support.running import ServerProcess, wait_until

BUCKET = Settings().blob_bucket
SCHEMA = {"properties": {"title": {"type": "string"}, "film": {"type": "video"}, "poster": {"type": "image"}}}
UPLOADS = "/v1/buckets/films/uploads"
PNG = b"\x89PNG\r\n\x1a\n" + b"poster" * 5000
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
# Until an object is there, in seconds.
ARRIVAL_SECONDS = 2.0


class Answer(NamedTuple):
    """The status and the body of a response of the endpoint."""

    status: int
    body: bytes

    @property
    def code(self) -> str:
        return code_of(self.body)


@pytest.fixture
def server(run: Run) -> ServerProcess:
    started = run("--no-autoreload").ready()
    status, made = started.call("POST", "/v1/buckets", {"bucket_name": "films", "bucket_schema": SCHEMA})
    assert status == 200, made
    return started


def create(server: ServerProcess, content: bytes = PNG, **more: Any) -> Any:
    declared = {
        "filename": "a poster (ä).png",
        "content_type": "image/png",
        "file_size_bytes": len(content),
        "blob_property": "poster",
        "object_metadata": {"title": "Metropolis"},
    }
    status, upload = server.call("POST", UPLOADS, {**declared, **more})
    assert status == 200, upload
    return upload


def with_urllib(url: str, content: bytes, content_type: str, folder: Path) -> Answer:
    request = urllib.request.Request(url, content, {"Content-Type": content_type}, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read())


def with_curl(url: str, content: bytes, content_type: str, folder: Path) -> Answer:
    source, body = folder / "source", folder / "body"
    source.write_bytes(content)
    command: list[str | Path] = [
        "curl",
        "-sS",
        "-T",
        source,
        "-H",
        f"Content-Type: {content_type}",
        "-o",
        body,
        "-w",
        "%{http_code}",
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return Answer(int(done.stdout), body.read_bytes() if body.exists() else b"")


CURL = pytest.param(
    with_curl, id="curl", marks=pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
)
CLIENTS = [pytest.param(with_urllib, id="urllib"), *([CURL] if NIGHTLY else [])]


@pytest.fixture(params=CLIENTS)
def put(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Returns a function that sends a PUT. `make nightly` also uses curl, as the code on the pages of docs/ does."""
    return lambda url, content=PNG, content_type="image/png": request.param(url, content, content_type, tmp_path)


def upload_of(server: ServerProcess, upload: Any) -> Any:
    return server.call("GET", f"{UPLOADS}/{upload['upload_id']}")[1]


def objects(server: ServerProcess) -> list[Any]:
    found: list[Any] = server.call("POST", "/v1/buckets/films/objects/list", {"return_presigned_urls": True})[1][
        "results"
    ]
    return found


def s3_of(server: ServerProcess) -> Any:
    """Returns an S3 client with the credential that the server has printed."""
    printed = dict(re.findall(r"(AWS_\w+)=(\S+)", server.output_text()))
    credential = AwsCredential(printed["AWS_ACCESS_KEY_ID"], printed["AWS_SECRET_ACCESS_KEY"])
    return local_s3_client(printed["AWS_ENDPOINT_URL"], credential)


def keys(server: ServerProcess, prefix: str = "") -> list[str]:
    listed = s3_of(server).list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return [each["Key"] for each in listed.get("Contents", ())]


def test_a_stored_file_becomes_an_object_without_a_confirmation(server: ServerProcess, put: Any) -> None:
    upload = create(server)
    assert put(upload["presigned_url"]).status == 200
    wait_until(lambda: upload_of(server, upload)["status"] == "COMPLETED", ARRIVAL_SECONDS)
    wait_until(lambda: server.counts("films") == (1, 1), ARRIVAL_SECONDS)
    (stored,) = objects(server)
    assert (stored["title"], stored["object_id"]) == ("Metropolis", upload_of(server, upload)["object_id"])
    assert stored["blobs"][0]["details"]["hash"] == f"sha256:{hashlib.sha256(PNG).hexdigest()}"
    with urllib.request.urlopen(stored["blobs"][0]["presigned_url"]) as response:
        assert response.read() == PNG
    wait_until(lambda: keys(server, "u/") == [], ARRIVAL_SECONDS)
    assert len(keys(server, "blobs/")) == 1


def test_a_confirmed_file_becomes_one_object(server: ServerProcess, put: Any) -> None:
    upload = create(server)
    assert put(upload["presigned_url"]).status == 200
    status, confirmed = server.call("POST", f"{UPLOADS}/{upload['upload_id']}/confirm", {})
    assert (status, confirmed["status"]) == (200, "COMPLETED")
    wait_until(lambda: server.counts("films") == (1, 1), ARRIVAL_SECONDS)
    wait_until(lambda: keys(server, "u/") == [], ARRIVAL_SECONDS)
    assert [each["object_id"] for each in objects(server)] == [confirmed["object_id"]]


def test_another_file_through_the_same_url_changes_nothing(server: ServerProcess, put: Any) -> None:
    upload = create(server)
    other = PNG[:-1] + b"!"
    for content in (PNG, other, PNG, other):
        assert put(upload["presigned_url"], content).status == 200
        wait_until(lambda: keys(server, "u/") == [], 5 * ARRIVAL_SECONDS)
    (stored,) = objects(server)
    assert stored["blobs"][0]["details"]["hash"] == f"sha256:{hashlib.sha256(PNG).hexdigest()}"
    assert server.counts("films") == (1, 1)
    assert len(keys(server)) == 1


def test_a_request_that_differs_from_the_signed_one_is_refused_like_s3_refuses_it(
    server: ServerProcess, put: Any
) -> None:
    upload = create(server)
    url = upload["presigned_url"]
    key = upload["s3_key"]
    refused = [
        put(url, PNG + b"x"),
        put(url, PNG[:-1]),
        put(url, b""),
        put(url, PNG, "text/html"),
        put(url.replace("/u/", "/blobs/")),
        put(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=36000")),
        put(url[:-1] + ("0" if url[-1] != "0" else "1")),
    ]
    assert {(answer.status, answer.code) for answer in refused} == {(403, "SignatureDoesNotMatch")}
    for name in (
        b"CanonicalRequest",
        b"StringToSign",
        b"SignatureProvided",
        b"AWSAccessKeyId",
        b"RequestId",
        b"HostId",
    ):
        assert all(b"<" + name + b">" in answer.body for answer in refused), name
    assert b"secret" not in refused[0].body
    assert key not in keys(server)
    assert upload_of(server, upload)["status"] == "PENDING"
    assert put(url).status == 200, "the URL is still valid"


def test_an_expired_url_is_refused_like_s3_refuses_it(server: ServerProcess, put: Any) -> None:
    params = {"Bucket": BUCKET, "Key": "u/upl_0000000000000000/f", "ContentType": "image/png"}
    url = s3_of(server).generate_presigned_url("put_object", Params=params, ExpiresIn=1)
    time.sleep(1.1)
    answer = put(url)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert b"<Message>Request has expired</Message><X-Amz-Expires>1</X-Amz-Expires><Expires>" in answer.body
    assert b"<ServerTime>" in answer.body
    assert keys(server) == []


def test_a_file_that_is_not_the_declared_one_becomes_no_object(server: ServerProcess, put: Any) -> None:
    upload = create(server, file_hash=hashlib.sha256(PNG).hexdigest())
    assert put(upload["presigned_url"], PNG[:-1] + b"!").status == 200
    failed = wait_until(lambda: (found := upload_of(server, upload))["status"] == "FAILED" and found, ARRIVAL_SECONDS)
    assert "SHA-256" in failed["message"]
    wait_until(lambda: keys(server) == [], ARRIVAL_SECONDS)
    assert server.counts("films") == (0, 0)


def test_a_file_that_arrived_before_a_kill_becomes_an_object_after_it(run: Run, server: ServerProcess) -> None:
    upload = create(server)
    assert with_urllib(upload["presigned_url"], PNG, "image/png", Path()).status == 200
    server.signal(signal.SIGKILL)
    server.wait_for_exit()
    again = run("--no-autoreload").ready()
    wait_until(lambda: upload_of(again, upload)["status"] == "COMPLETED", 5 * ARRIVAL_SECONDS)
    wait_until(lambda: again.counts("films") == (1, 1), ARRIVAL_SECONDS)
    wait_until(lambda: keys(again, "u/") == [], ARRIVAL_SECONDS)
    assert len(keys(again)) == len(objects(again)) == 1


def resident_megabytes(server: ServerProcess) -> tuple[int, int]:
    """Returns the anonymous memory of the process now, and its peak of all memory, in MB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    values = {
        line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith(("RssAnon", "VmHWM"))
    }
    return int(values["RssAnon"]) // 1000, int(values["VmHWM"]) // 1000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured with /proc")
def test_a_film_of_120_mb_arrives_without_being_in_memory(server: ServerProcess, put: Any) -> None:
    film = MP4 + os.urandom(1_000_000) * 120
    upload = create(
        server, film, filename="film.mp4", content_type="video/mp4", blob_property="film", object_metadata={}
    )
    before, _ = resident_megabytes(server)
    assert put(upload["presigned_url"], film, "video/mp4").status == 200
    done = wait_until(lambda: (found := upload_of(server, upload))["status"] == "COMPLETED" and found, 30)
    after, _ = resident_megabytes(server)
    assert after - before < 60
    assert done["file_hash"] == hashlib.sha256(film).hexdigest()
    (stored,) = objects(server)
    with urllib.request.urlopen(stored["blobs"][0]["presigned_url"]) as response:
        assert hashlib.file_digest(response, "sha256").hexdigest() == done["file_hash"]
    assert resident_megabytes(server)[0] - before < 60
    wait_until(lambda: keys(server, "u/") == [], ARRIVAL_SECONDS)
