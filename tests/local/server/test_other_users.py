"""Another user of the machine gets nothing from the data folder, the process and the AWS endpoint of the server."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.local.credential import CREDENTIAL_FILE, UNCHECKED, AwsCredential
from tests.local.conftest import CATALOG
from tests.local.server.conftest import BUCKET, Run
from tests.support.running import SCHEMA, ServerProcess

# CI runs the tests as root. Only root can start a process of another user.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process as the user nobody")

PROGRAM = Path(__file__).with_name("other_user.py")
NOBODY = "nobody"
SECRET_NAME, SECRET_CONTENT = "a-bucket-of-root", "the content of a file of root"
GUESSES = ("", "embedded", "test", "testing", "local", "minioadmin", "x" * 40)
QUERY = json.dumps(
    {
        "TableName": CATALOG,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "ORGS"}},
    }
)
QUERY_HEADERS = {"X-Amz-Target": "DynamoDB_20120810.Query", "Content-Type": "application/x-amz-json-1.0"}
LIST = f"/{BUCKET}?list-type=2"
Request = tuple[int, str, str, dict[str, str], str]


@dataclass(frozen=True)
class Target:
    """A server that has data, with its data folder."""

    server: ServerProcess
    folder: Path

    @property
    def credential(self) -> AwsCredential:
        return AwsCredential(**json.loads((self.folder / CREDENTIAL_FILE).read_text()))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no other user may see."""
        api_key = self.server.exports()["MIXPEEK_API_KEY"]
        return (self.credential.secret_access_key, api_key, SECRET_NAME, SECRET_CONTENT)

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def folders(self) -> list[Path]:
        return [self.folder, *(path for path in self.folder.rglob("*") if path.is_dir())]


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that all users can read, so that only the modes of the data folder inside protect the data."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def target(run: Run, outside: Path) -> Target:
    """A server whose data folder is in the readable folder. No umask restricts the modes of its files."""
    umask = os.umask(0)
    try:
        server = run("--no-autoreload", BUCKETS_DATA_DIR=str(outside / "data")).ready()
    finally:
        os.umask(umask)
    schema = {"properties": {**SCHEMA["properties"], "note": {"type": "text"}}}
    assert server.call("POST", "/v1/buckets", {"bucket_name": SECRET_NAME, "bucket_schema": schema})[0] == 200
    blob = {"property": "note", "type": "text", "data": SECRET_CONTENT}
    assert server.call("POST", f"/v1/buckets/{SECRET_NAME}/objects", {"blobs": [blob]})[0] == 200
    return Target(server, outside / "data")


def as_user(
    name: str, files: list[Path] | None = None, folders: list[Path] | None = None, requests: list[Request] | None = None
) -> Any:
    """Runs the program as this user, and returns what it got."""
    user = pwd.getpwnam(name)
    plan = {
        "user": user.pw_uid,
        "group": user.pw_gid,
        "files": list(map(str, files or ())),
        "folders": list(map(str, folders or ())),
        "requests": requests or [],
    }
    command = [sys.executable, "-I", str(PROGRAM)]
    done = subprocess.run(command, input=json.dumps(plan), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert set(got["ids"]) == {user.pw_uid, user.pw_gid}
    return got


def has_any(text: str, words: Iterable[str], *, besides: str) -> bool:
    return any(word in text and word not in besides for word in words)


def signed(port: int, service: str, credential: AwsCredential) -> Request:
    """A request for the organizations, or for the keys of all files, that is signed with this credential."""
    is_s3 = service == "s3"
    method, path, headers, body = ("GET", LIST, {}, "") if is_s3 else ("POST", "/", QUERY_HEADERS, QUERY)
    request = AWSRequest(method, f"http://127.0.0.1:{port}{path}", dict(headers), body)
    (S3SigV4Auth if is_s3 else SigV4Auth)(Credentials(*credential), service, "us-east-1").add_auth(request)
    return (port, method, path, dict(request.headers.items()), body)


def presigned(port: int, key: str, credential: AwsCredential) -> Request:
    """A request for a file by a URL that is signed with this credential."""
    request = AWSRequest("GET", f"http://127.0.0.1:{port}/{BUCKET}/{key}")
    S3SigV4QueryAuth(Credentials(*credential), "s3", "us-east-1", expires=60).add_auth(request)
    parts = urlsplit(str(request.url))
    return (port, "GET", f"{parts.path}?{parts.query}", {}, "")


def test_another_user_reads_and_changes_no_file_of_the_data_folder(target: Target, outside: Path) -> None:
    readable = outside / "readable"
    readable.write_text("for all")
    readable.chmod(0o644)
    files = target.files()
    assert {CREDENTIAL_FILE, "journal"} <= {path.name for path in files}
    assert any(SECRET_CONTENT in path.read_text() for path in files if "blobs" in path.parts)

    got = as_user(NOBODY, [readable, *files], target.folders())
    assert got["files"].pop(str(readable)) == "for all"
    for kind in ("files", "changed", "folders", "added"):
        assert set(got[kind].values()) == {None}, kind

    for folder in target.folders():  # a folder that the user created with other modes, for example
        folder.chmod(0o755)
    got = as_user(NOBODY, target.files(), target.folders())
    for kind in ("files", "changed", "added"):
        assert set(got[kind].values()) == {None}, kind
    assert None not in got["folders"].values()
    control = as_user("root", target.files())
    assert target.credential.secret_access_key in control["files"][str(target.folder / CREDENTIAL_FILE)]


def test_the_process_of_the_server_shows_another_user_no_secret(target: Target) -> None:
    process = Path("/proc") / str(target.server.process.pid)
    if not process.exists():
        pytest.skip("there is no /proc")
    got = as_user(NOBODY, [process / name for name in ("cmdline", "environ", "mem", "maps")], [process / "fd"])
    shown = got["files"].pop(str(process / "cmdline"))
    assert "chalicelib.local" in shown
    assert not [secret for secret in target.secrets if secret in shown]
    assert set(got["files"].values()) == set(got["folders"].values()) == {None}


def test_another_user_without_the_credential_gets_nothing_from_the_server(target: Target) -> None:
    port, credential = target.server.port + 1, target.credential
    key = next(key_of(path) for path in target.files() if "blobs" in path.parts)
    known = [AwsCredential(credential.access_key_id, guess or "-") for guess in (*GUESSES, credential.access_key_id)]
    wrong = [*known, UNCHECKED, AwsCredential("test", "test"), AwsCredential("AKIAIOSFODNN7EXAMPLE", "test")]
    requests: list[Request] = [
        (port, "POST", "/", QUERY_HEADERS, QUERY),
        (port, "POST", "/", {**QUERY_HEADERS, "Authorization": "AWS4-HMAC-SHA256"}, QUERY),
        *((port, "GET", path, {}, "") for path in ("/", LIST, f"/{BUCKET}/{key}", "/moto-api/data.json")),
        *(signed(port, service, each) for service in ("dynamodb", "s3") for each in wrong),
        *(presigned(port, key, each) for each in wrong),
    ]
    responses = as_user(NOBODY, requests=requests)["responses"]
    assert len(responses) == len(requests)
    assert {status for status, _ in responses} <= {400, 403}
    seen = (*target.secrets, "ORG#", key)
    # An error may repeat what its request contains, as that of S3 about a signature does.
    new = [body for sent, (_, body) in zip(requests, responses, strict=True) if has_any(body, seen, besides=str(sent))]
    assert new == []

    api: list[Request] = [
        (target.server.port, "GET", "/v1/buckets", {"Authorization": f"Bearer {token}", "X-Namespace": "default"}, "")
        for token in ("x", credential.access_key_id)
    ]
    assert {status for status, _ in as_user(NOBODY, requests=api)["responses"]} == {401}

    # The same requests with the credential succeed, so the credential alone makes the difference.
    right = [signed(port, "dynamodb", credential), signed(port, "s3", credential), presigned(port, key, credential)]
    rows, keys, content = as_user(NOBODY, requests=right)["responses"]
    assert (rows[0], keys[0], content) == (200, 200, [200, SECRET_CONTENT])
    assert "ORG#" in rows[1]
    assert key in keys[1]


def key_of(path: Path) -> str:
    """Returns the key in S3 of the object that a file of the data folder contains."""
    return str(json.loads(path.read_bytes().partition(b"\n")[0].partition(b" ")[2])["key"])
