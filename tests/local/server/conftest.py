"""Starts local servers as real processes, on a copy of the project, and AWS endpoints in the process of a test."""

from __future__ import annotations

import http.client
import shutil
import signal
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from chalicelib.local.credential import AwsCredential
from chalicelib.local.engine import Engine
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from chalicelib.settings import Settings
from tests.support.ports import free_pair
from tests.support.running import ServerProcess

PROJECT = Path(__file__).parents[3]
CHALICE = Path(sysconfig.get_path("scripts")) / "chalice"
MAKE_RUN = [sys.executable, "-m", "chalicelib.local"]


@pytest.fixture
def port() -> int:
    return free_pair()


Run = Callable[..., ServerProcess]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Returns a copy of the files that the server needs, so that tests do not change the original."""
    copy = tmp_path / "project"
    # Compiled files are copied too, except those that another process is writing.
    shutil.copytree(PROJECT / "chalicelib", copy / "chalicelib", ignore=shutil.ignore_patterns("*.pyc.*"))
    (copy / ".chalice").mkdir()
    for name in ("app.py", ".chalice/config.json", ".chalice/resources.json"):
        shutil.copy(PROJECT / name, copy / name)
    return copy


@pytest.fixture
def run(project: Path, port: int) -> Iterator[Run]:
    """Returns a function that starts a server of the copy. All use one port, and end with the test."""
    started: list[ServerProcess] = []

    def run_(
        *options: str, program: list[str] | None = None, terminal: int | None = None, **environ: str
    ) -> ServerProcess:
        command = [*(program or MAKE_RUN), "--port", str(port), *options]
        server = ServerProcess(command, project, port, terminal=terminal, **environ)
        started.append(server)
        return server

    yield run_
    for server in started:
        server.signal(signal.SIGKILL)
    for server in started:
        server.wait_for_exit()


BUCKET = Settings().blob_bucket


class Clock:
    """The clock of an endpoint, which a test can move."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endpoint(engine: Engine, clock: Clock) -> Iterator[AwsEndpoint]:
    opened = AwsEndpoint(engine.backends, 0, engine.credential, clock=clock, poll_seconds=0.01)
    yield opened
    opened.close()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """Closes the clients of a test at its end."""
    with ExitStack() as stack:
        yield stack


Make = Callable[..., Any]


@cache
def session() -> botocore.session.Session:
    """Returns a session that reads the descriptions of AWS services once for all tests."""
    return botocore.session.Session()


@pytest.fixture
def client_of(clients: ExitStack, endpoint: AwsEndpoint, engine: Engine) -> Make:
    """Returns a function that makes an AWS client, with a region of its own and the folder's credential."""

    def client_of_(service: str, credential: AwsCredential = engine.credential, **config: Any) -> Any:
        client = session().create_client(
            service,
            region_name="eu-central-1",
            endpoint_url=endpoint.url,
            aws_access_key_id=credential.access_key_id,
            aws_secret_access_key=credential.secret_access_key,
            config=Config(
                retries={"total_max_attempts": 1}, signature_version="v4" if service != "s3" else "s3v4", **config
            ),
        )
        clients.callback(client.close)
        return client

    return client_of_


def ask(
    endpoint: AwsEndpoint, headers: dict[str, str], *, method: str = "POST", path: str = "/", body: bytes = b"{}"
) -> tuple[int, bytes]:
    """Returns the status and body of the response to a plain HTTP request."""
    with closing(http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=10)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()


def ask_url(endpoint: AwsEndpoint, url: str, method: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Returns the status and body of the response to a request for a presigned URL."""
    parts = urlsplit(url)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(endpoint, named, method=method, path=f"{parts.path}?{parts.query}", body=body)


def signed_headers(
    engine: Engine, service: str, method: str, url: str, body: bytes = b"", **headers: str
) -> dict[str, str]:
    """Returns the headers of a request that is signed with the folder's credential."""
    request = AWSRequest(method, url, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials(*engine.credential), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


@pytest.fixture
def s3(client_of: Make) -> Any:
    client = client_of("s3", s3={"addressing_style": "path"})
    client.put_object(Bucket=BUCKET, Key="k", Body=b"content")
    client.put_object(Bucket=BUCKET, Key="other", Body=b"other content")
    return client


def presigned(client: Any, operation: str, seconds: int = 60, **params: Any) -> str:
    return str(
        client.generate_presigned_url(operation, Params={"Bucket": BUCKET, "Key": "k", **params}, ExpiresIn=seconds)
    )


def code_of(body: bytes) -> str:
    return body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()
