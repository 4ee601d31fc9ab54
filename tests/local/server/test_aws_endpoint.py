"""The AWS endpoint: any AWS client of any process can use the engine."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.config import Config

from chalicelib.local.client import local_client
from chalicelib.local.engine import Engine
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from tests.local.conftest import CATALOG, Open, killed, names, new_row, put

PROJECT = Path(__file__).parents[3]

SCRIPT = f"""
import sys
from chalicelib.local import engine
from chalicelib.settings import Settings
client = engine.connect(Settings(engine="embedded", data_dir=sys.argv[1]), wait_seconds=float(sys.argv[2]))
client.put_item(TableName="{CATALOG}", Item={{"pk": {{"S": "theirs"}}, "sk": {{"S": "-"}}}})
print([row["pk"]["S"] for row in client.scan(TableName="{CATALOG}")["Items"]])
"""


@pytest.fixture
def endpoint(engine: Engine) -> Iterator[AwsEndpoint]:
    opened = AwsEndpoint(engine.backends, 0)
    yield opened
    opened.close()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """Closes the clients of a test at its end."""
    with ExitStack() as stack:
        yield stack


def new_client(clients: ExitStack, endpoint: AwsEndpoint, service: str, **config: Any) -> Any:
    """Returns a client with a region and credentials of its own."""
    client = botocore.session.Session().create_client(
        service,
        region_name="eu-central-1",
        endpoint_url=endpoint.url,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="anything",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )
    clients.callback(client.close)
    return client


def ask(endpoint: AwsEndpoint, headers: dict[str, str], *, method: str = "POST", path: str = "/") -> tuple[int, bytes]:
    """Returns the status and body of the response to a plain HTTP request."""
    with closing(http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=10)) as connection:
        connection.request(method, path, b"{}", headers)
        response = connection.getresponse()
        return response.status, response.read()


def other_process(folder: Path, *, wait_seconds: float = 10.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, str(folder), str(wait_seconds)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


def test_a_write_through_the_endpoint_is_visible_in_the_engine_and_saved(
    engine: Engine, endpoint: AwsEndpoint, open_engine: Open, tmp_path: Path
) -> None:
    with closing(local_client(endpoint.url)) as client:
        client.put_item(TableName=CATALOG, Item=new_row("through the endpoint"))
    assert names(engine) == ["through the endpoint"]
    assert names(open_engine(killed(engine, tmp_path / "killed"))) == ["through the endpoint"]


def test_a_client_with_any_region_and_credentials_finds_the_tables(
    engine: Engine, endpoint: AwsEndpoint, clients: ExitStack
) -> None:
    put(engine, "inside")
    client = new_client(clients, endpoint, "dynamodb")
    assert [row["pk"] for row in client.scan(TableName=CATALOG)["Items"]] == [{"S": "inside"}]


def test_an_error_reaches_the_client_as_the_exception_of_its_code(endpoint: AwsEndpoint, clients: ExitStack) -> None:
    client = new_client(clients, endpoint, "dynamodb")
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.delete_item(
            TableName=CATALOG,
            Key={"pk": {"S": "none"}, "sk": {"S": "-"}},
            ConditionExpression="attribute_exists(pk)",
        )


def test_an_s3_object_can_be_put_and_read_in_ranges(endpoint: AwsEndpoint, clients: ExitStack) -> None:
    client = new_client(clients, endpoint, "s3", s3={"addressing_style": "path"})
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_object(Bucket="bucket", Key="a key/\u00e4", Body=b"0123456789" * 1000)
    read = client.get_object(Bucket="bucket", Key="a key/\u00e4", Range="bytes=10-19")["Body"].read()
    assert read == b"0123456789"
    assert client.head_object(Bucket="bucket", Key="a key/\u00e4")["ContentLength"] == 10_000


def test_a_presigned_url_needs_no_authorization_header(endpoint: AwsEndpoint, clients: ExitStack) -> None:
    client = new_client(clients, endpoint, "s3", signature_version="s3v4", s3={"addressing_style": "path"})
    client.create_bucket(Bucket="presigned", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    url = urlsplit(client.generate_presigned_url("put_object", Params={"Bucket": "presigned", "Key": "k"}))
    assert ask(endpoint, {}, method="PUT", path=f"{url.path}?{url.query}")[0] == 200
    assert client.get_object(Bucket="presigned", Key="k")["Body"].read() == b"{}"


def test_an_unsigned_request_is_rejected(endpoint: AwsEndpoint) -> None:
    status, body = ask(endpoint, {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
    assert (status, json.loads(body)["__type"]) == (403, "MissingAuthenticationTokenException")


def test_a_request_with_another_host_name_is_rejected(endpoint: AwsEndpoint) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request"
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Authorization": scope}
    assert ask(endpoint, headers)[0] == 200
    assert ask(endpoint, {**headers, "Host": "evil.example"})[0] == 403


def test_no_write_of_parallel_clients_is_lost(engine: Engine, endpoint: AwsEndpoint) -> None:
    wanted = [f"{number:03d}" for number in range(64)]
    with closing(local_client(endpoint.url)) as client, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: client.put_item(TableName=CATALOG, Item=new_row(name)), wanted))
    assert sorted(names(engine)) == wanted


def test_another_process_uses_the_endpoint_of_the_owner(engine: Engine, endpoint: AwsEndpoint) -> None:
    put(engine, "ours")
    engine.publish_endpoint(endpoint.url)
    done = other_process(engine.folder.path)
    assert (done.stderr, done.stdout) == ("", "['ours', 'theirs']\n")
    assert names(engine) == ["ours", "theirs"]


def test_another_process_opens_a_folder_without_an_owner(open_engine: Open, tmp_path: Path) -> None:
    done = other_process(tmp_path / "data")
    assert (done.stderr, done.stdout) == ("", "['theirs']\n")
    assert names(open_engine(tmp_path / "data")) == ["theirs"]


def test_another_process_waits_no_longer_than_its_limit(engine: Engine) -> None:
    done = other_process(engine.folder.path, wait_seconds=0.2)
    assert done.returncode == 1
    assert "FolderInUse" in done.stderr
    assert names(engine) == []


def test_a_start_removes_the_endpoint_file_of_an_owner_that_was_killed(
    engine: Engine, open_engine: Open, tmp_path: Path
) -> None:
    # Another program, even another engine, may now listen on that port.
    engine.publish_endpoint("http://127.0.0.1:9")
    folder = killed(engine, tmp_path / "killed")
    assert (folder / "engine.json").exists()
    open_engine(folder)
    assert not (folder / "engine.json").exists()
