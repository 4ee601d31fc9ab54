"""The AWS endpoint: AWS clients of the same user can use the engine, and nobody else."""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from chalicelib.local.client import local_client
from chalicelib.local.credential import CREDENTIAL_FILE, AwsCredential
from chalicelib.local.engine import Engine
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from chalicelib.settings import Settings
from tests.local.conftest import CATALOG, Open, killed, names, new_row, put

BUCKET = Settings().blob_bucket
PROJECT = Path(__file__).parents[3]

SCRIPT = f"""
import sys
from chalicelib.local import engine
from chalicelib.settings import Settings
client = engine.connect(Settings(engine="embedded", data_dir=sys.argv[1]), wait_seconds=float(sys.argv[2]))
client.put_item(TableName="{CATALOG}", Item={{"pk": {{"S": "theirs"}}, "sk": {{"S": "-"}}}})
keys = [{{"pk": {{"S": name}}, "sk": {{"S": "-"}}}} for name in ("ours", "theirs")]
found = client.batch_get_item(RequestItems={{"{CATALOG}": {{"Keys": keys}}}})["Responses"]["{CATALOG}"]
print(sorted(row["pk"]["S"] for row in found))
"""


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
    opened = AwsEndpoint(engine.backends, 0, engine.credential, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """Closes the clients of a test at its end."""
    with ExitStack() as stack:
        yield stack


Make = Callable[..., Any]


@pytest.fixture
def client_of(clients: ExitStack, endpoint: AwsEndpoint, engine: Engine) -> Make:
    """Returns a function that makes an AWS client, with a region of its own and the folder's credential."""

    def client_of_(service: str, credential: AwsCredential = engine.credential, **config: Any) -> Any:
        client = botocore.session.Session().create_client(
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


def get_item_headers(engine: Engine, url: str, body: bytes, **headers: str) -> dict[str, str]:
    return signed_headers(engine, "dynamodb", "POST", url, body, X_Amz_Target="DynamoDB_20120810.GetItem", **headers)


GET_ITEM = json.dumps({"TableName": CATALOG, "Key": {"pk": {"S": "ours"}, "sk": {"S": "-"}}}).encode()


def other_process(folder: Path, *, wait_seconds: float = 10.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, str(folder), str(wait_seconds)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


def test_a_write_through_the_endpoint_is_visible_in_the_engine_and_saved(
    engine: Engine, endpoint: AwsEndpoint, open_engine: Open, tmp_path: Path
) -> None:
    with closing(local_client(endpoint.url, engine.credential)) as client:
        client.put_item(TableName=CATALOG, Item=new_row("through the endpoint"))
    assert names(engine) == ["through the endpoint"]
    assert names(open_engine(killed(engine, tmp_path / "killed"))) == ["through the endpoint"]


def test_a_client_with_the_credential_and_any_region_finds_the_tables(engine: Engine, client_of: Make) -> None:
    put(engine, "inside")
    client = client_of("dynamodb")
    found = client.query(
        TableName=CATALOG,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "inside"}},
    )
    assert [row["pk"] for row in found["Items"]] == [{"S": "inside"}]


def test_an_error_reaches_the_client_as_the_exception_of_its_code(client_of: Make) -> None:
    client = client_of("dynamodb")
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.delete_item(
            TableName=CATALOG,
            Key={"pk": {"S": "none"}, "sk": {"S": "-"}},
            ConditionExpression="attribute_exists(pk)",
        )


@pytest.mark.parametrize("key", ["key", "a key/\u00e4", "a+b&c=d;e/../f", "//x//"])
def test_an_s3_object_can_be_put_listed_read_in_ranges_and_deleted(client_of: Make, key: str) -> None:
    client = client_of("s3", s3={"addressing_style": "path"})
    client.put_object(Bucket=BUCKET, Key=key, Body=b"0123456789" * 1000, Metadata={"a": "b  c"})
    read = client.get_object(Bucket=BUCKET, Key=key, Range="bytes=10-19")
    assert read["Body"].read() == b"0123456789"
    assert read["ContentRange"] == "bytes 10-19/10000"
    assert [found["Key"] for found in client.list_objects_v2(Bucket=BUCKET, Prefix=key[:1])["Contents"]] == [key]
    assert "Errors" not in client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key}]})
    assert client.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


# Requests that are rejected


WRONG = [
    ("access_key_id", "UnrecognizedClientException", "InvalidAccessKeyId"),
    ("secret_access_key", "InvalidSignatureException", "SignatureDoesNotMatch"),
]


@pytest.mark.parametrize(("field", "dynamodb_code", "s3_code"), WRONG)
def test_a_client_with_another_credential_is_rejected(
    engine: Engine, client_of: Make, field: str, dynamodb_code: str, s3_code: str
) -> None:
    wrong = engine.credential._replace(**{field: "another"})
    with pytest.raises(ClientError) as raised:
        client_of("dynamodb", wrong).put_item(TableName=CATALOG, Item=new_row("theirs"))
    assert raised.value.response["Error"]["Code"] == dynamodb_code
    with pytest.raises(ClientError) as raised:
        client_of("s3", wrong).put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert raised.value.response["Error"]["Code"] == s3_code
    assert names(engine) == []


def test_an_unsigned_request_is_rejected(endpoint: AwsEndpoint) -> None:
    status, body = ask(endpoint, {"X-Amz-Target": "DynamoDB_20120810.GetItem"})
    assert (status, json.loads(body)["__type"].rpartition("#")[2]) == (403, "MissingAuthenticationTokenException")
    status, body = ask(endpoint, {}, method="GET", path=f"/{BUCKET}/k")
    assert status == 403
    assert b"<Code>AccessDenied</Code>" in body


SCOPE = "/20260101/us-east-1/{}/aws4_request"


@pytest.mark.parametrize("service", ["dynamodb", "lambda", "iam", "sqs"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_request_that_a_web_page_can_send_without_a_preflight_is_rejected(
    engine: Engine, endpoint: AwsEndpoint, service: str, content_type: str
) -> None:
    put(engine, "secret")
    path = f"/?X-Amz-Credential=any{SCOPE.format(service)}&X-Amz-Target=DynamoDB_20120810.Scan"
    body = json.dumps({"TableName": CATALOG}).encode()
    for credential in ("any", engine.credential.access_key_id):
        path = f"/?X-Amz-Credential={credential}{SCOPE.format(service)}&Action=ListQueues"
        for more in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            status, content = ask(endpoint, {"Content-Type": content_type, **more}, path=path, body=body)
            assert status in (400, 403)
            assert b"secret" not in content


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example:{port}", ""])
def test_a_signed_request_for_another_host_is_rejected(engine: Engine, endpoint: AwsEndpoint, host: str) -> None:
    name = host.format(port=urlsplit(endpoint.url).port)
    headers = get_item_headers(engine, endpoint.url + "/", GET_ITEM, Host=name)
    status, body = ask(endpoint, {**headers, "Host": name}, body=GET_ITEM)
    assert (status, json.loads(body)["__type"].rpartition("#")[2]) == (403, "AccessDeniedException")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:{port}"])
def test_a_signed_request_with_an_origin_is_rejected(
    engine: Engine, endpoint: AwsEndpoint, client_of: Make, origin: str
) -> None:
    name = origin.format(port=urlsplit(endpoint.url).port)
    headers = get_item_headers(engine, endpoint.url + "/", GET_ITEM)
    assert ask(endpoint, headers, body=GET_ITEM)[0] == 200
    assert ask(endpoint, {**headers, "Origin": name}, body=GET_ITEM)[0] == 403
    url = client_of("s3").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
    assert ask_url(endpoint, url, "GET", Origin=name)[0] == 403


def copy(client: Any) -> None:
    client.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "k"})


OTHER_ACTIONS: list[tuple[str, Callable[[Any], Any]]] = [
    ("dynamodb", lambda client: client.scan(TableName=CATALOG)),
    ("dynamodb", lambda client: client.list_tables()),
    ("dynamodb", lambda client: client.delete_table(TableName=CATALOG)),
    ("dynamodb", lambda client: client.execute_statement(Statement=f'SELECT * FROM "{CATALOG}"')),
    ("dynamodbstreams", lambda client: client.list_streams()),
    ("s3", lambda client: client.list_buckets()),
    ("s3", lambda client: client.create_bucket(Bucket="another")),
    ("s3", lambda client: client.delete_bucket(Bucket=BUCKET)),
    ("s3", lambda client: client.put_bucket_acl(Bucket=BUCKET, ACL="public-read")),
    ("s3", lambda client: client.get_object_acl(Bucket=BUCKET, Key="k")),
    ("s3", lambda client: client.delete_object(Bucket=BUCKET, Key="k")),
    ("s3", copy),
    ("sqs", lambda client: client.list_queues()),
    ("lambda", lambda client: client.list_functions()),
    ("iam", lambda client: client.list_users()),
    ("sts", lambda client: client.get_caller_identity()),
]


@pytest.mark.parametrize(("service", "call"), OTHER_ACTIONS)
def test_an_action_that_the_service_does_not_use_is_rejected(
    client_of: Make, service: str, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(ClientError) as raised:
        call(client_of(service))
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_request_of_another_time_is_rejected(client_of: Make, clock: Clock, engine: Engine) -> None:
    for minutes in (-16, 16):
        clock.offset = timedelta(minutes=minutes)
        with pytest.raises(ClientError, match="Signature expired"):
            client_of("dynamodb").put_item(TableName=CATALOG, Item=new_row("late"))
        with pytest.raises(ClientError, match="RequestTimeTooSkewed"):
            client_of("s3").put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert names(engine) == []
    clock.offset = timedelta(minutes=14)
    client_of("dynamodb").put_item(TableName=CATALOG, Item=new_row("in time"))
    assert names(engine) == ["in time"]


def test_a_signed_request_with_another_body_is_rejected(engine: Engine, endpoint: AwsEndpoint) -> None:
    headers = get_item_headers(engine, endpoint.url + "/", GET_ITEM)
    assert ask(endpoint, headers, body=GET_ITEM)[0] == 200
    assert ask(endpoint, headers, body=GET_ITEM + b" ")[0] == 403
    url = f"{endpoint.url}/{BUCKET}/k"
    headers = signed_headers(engine, "s3", "PUT", url, b"abc")
    assert ask(endpoint, headers, method="PUT", path=f"/{BUCKET}/k", body=b"abc")[0] == 200
    status, content = ask(endpoint, headers, method="PUT", path=f"/{BUCKET}/k", body=b"abd")
    assert (status, b"<Code>XAmzContentSHA256Mismatch</Code>" in content) == (400, True)
    other = {**headers, "X-Amz-Content-SHA256": hashlib.sha256(b"abd").hexdigest()}
    assert ask(endpoint, other, method="PUT", path=f"/{BUCKET}/k", body=b"abd")[0] == 403
    streaming = {**headers, "X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    assert ask(endpoint, streaming, method="PUT", path=f"/{BUCKET}/k", body=b"abd")[0] == 501


def test_an_unsigned_header_cannot_change_the_request(engine: Engine, endpoint: AwsEndpoint) -> None:
    put(engine, "ours")
    headers = signed_headers(engine, "s3", "PUT", f"{endpoint.url}/{BUCKET}/k", b"x")
    for name in ("x-amz-storage-class", "x-amz-meta-a", "x-amz-copy-source"):
        assert ask(endpoint, {**headers, name: "GLACIER"}, method="PUT", path=f"/{BUCKET}/k", body=b"x")[0] == 403
    headers = get_item_headers(engine, endpoint.url + "/", GET_ITEM)
    status, body = ask(endpoint, {**headers, "x-moto-account-id": "123"}, body=GET_ITEM)
    assert (status, b"ours" in body) == (200, True)


# Presigned URLs


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


def test_a_presigned_url_needs_no_authorization_header(endpoint: AwsEndpoint, s3: Any) -> None:
    assert ask_url(endpoint, presigned(s3, "get_object"), "GET") == (200, b"content")
    assert ask_url(endpoint, presigned(s3, "get_object"), "GET", Range="bytes=1-2") == (206, b"on")
    url = presigned(s3, "get_object", ResponseContentType="text/plain")
    assert ask_url(endpoint, url, "GET") == (200, b"content")
    assert ask_url(endpoint, presigned(s3, "put_object"), "PUT", b"new")[0] == 200
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"new"


TAMPERED: list[Callable[[str], str]] = [
    lambda url: url.replace("/k?", "/other?"),
    lambda url: url.replace("/k?", "/%6b?"),
    lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
    lambda url: url.replace("us-east-1", "us-east-2").replace("eu-central-1", "eu-central-2"),
    lambda url: url + "&response-content-type=text%2Fhtml",
    lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
    lambda url: url.replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Brange"),
    lambda url: url.replace("127.0.0.1", "localhost"),
]


@pytest.mark.parametrize("tamper", TAMPERED)
def test_a_changed_presigned_url_is_rejected(endpoint: AwsEndpoint, s3: Any, tamper: Callable[[str], str]) -> None:
    url = presigned(s3, "get_object")
    changed = tamper(url)
    assert changed != url
    status, body = ask_url(endpoint, changed, "GET", Host=urlsplit(changed).netloc)
    assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")


MALFORMED: list[Callable[[str], str]] = [
    lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=604801"),
    lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=0"),
    lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=-1"),
    lambda url: url.replace("&X-Amz-Expires=60", ""),
    lambda url: url.replace("HMAC-SHA256", "NONE"),
    lambda url: url.replace("=host", "="),
    lambda url: url.replace("=host", "=range"),
    lambda url: url.replace("aws4_request", "aws5_request"),
    lambda url: url.partition("&X-Amz-Signature")[0],
    lambda url: url + "&X-Amz-Expires=600000",
    lambda url: url + "&X-Amz-%45xpires=600000",
    lambda url: url.replace("X-Amz-Date=2", "X-Amz-Date=3"),
]


@pytest.mark.parametrize("break_", MALFORMED)
def test_a_malformed_presigned_url_is_a_bad_request(
    endpoint: AwsEndpoint, s3: Any, break_: Callable[[str], str]
) -> None:
    url = presigned(s3, "get_object")
    broken = break_(url)
    assert broken != url
    status, body = ask_url(endpoint, broken, "GET")
    assert status == 400
    assert code_of(body) in ("AuthorizationQueryParametersError", "InvalidRequest")


def test_a_presigned_url_is_for_one_method(endpoint: AwsEndpoint, s3: Any) -> None:
    status, body = ask_url(endpoint, presigned(s3, "get_object"), "PUT", b"new")
    assert (status, code_of(body)) == (403, "SignatureDoesNotMatch")
    assert ask_url(endpoint, presigned(s3, "put_object"), "GET")[0] == 403
    assert ask_url(endpoint, presigned(s3, "get_object"), "HEAD")[0] == 403
    assert ask_url(endpoint, presigned(s3, "get_object"), "DELETE")[0] == 403
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content"


def test_a_presigned_url_expires(endpoint: AwsEndpoint, s3: Any, clock: Clock) -> None:
    url = presigned(s3, "get_object", 120)
    clock.offset = timedelta(seconds=110)
    assert ask_url(endpoint, url, "GET") == (200, b"content")
    clock.offset = timedelta(seconds=121)
    status, body = ask_url(endpoint, url, "GET")
    assert (status, code_of(body)) == (403, "AccessDenied")
    assert b"Request has expired" in body
    clock.offset = timedelta(minutes=-16)
    assert ask_url(endpoint, url, "GET")[0] == 403


def test_a_presigned_put_enforces_the_signed_type_and_length(endpoint: AwsEndpoint, s3: Any) -> None:
    url = presigned(s3, "put_object", ContentType="image/png", ContentLength=3)
    assert ask_url(endpoint, url, "PUT", b"abcd", Content_Type="image/png")[0] == 403
    assert ask_url(endpoint, url, "PUT", b"ab", Content_Type="image/png")[0] == 403
    assert ask_url(endpoint, url, "PUT", b"abc", Content_Type="text/html")[0] == 403
    assert ask_url(endpoint, url, "PUT", b"abc")[0] == 403
    chunked = ask_url(
        endpoint, url, "PUT", b"3\r\nabc\r\n0\r\n\r\n", Content_Type="image/png", Transfer_Encoding="chunked"
    )
    assert chunked[0] in (400, 403)
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"content"
    assert ask_url(endpoint, url, "PUT", b"abc", Content_Type="image/png")[0] == 200
    assert s3.get_object(Bucket=BUCKET, Key="k")["ContentType"] == "image/png"


def test_a_request_has_only_one_signature(engine: Engine, endpoint: AwsEndpoint, s3: Any) -> None:
    headers = signed_headers(engine, "s3", "GET", presigned(s3, "get_object"))
    parts = urlsplit(presigned(s3, "get_object"))
    assert ask(endpoint, headers, method="GET", path=f"{parts.path}?{parts.query}", body=b"")[0] == 400


def test_a_header_may_not_be_repeated_to_change_the_action(engine: Engine, endpoint: AwsEndpoint) -> None:
    headers = get_item_headers(engine, endpoint.url + "/", GET_ITEM)
    with closing(http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=10)) as connection:
        connection.putrequest("POST", "/")
        for name, value in {**headers, "Content-Length": str(len(GET_ITEM))}.items():
            connection.putheader(name, value)
        connection.putheader("X-Amz-Target", "DynamoDB_20120810.PutItem")
        connection.endheaders(GET_ITEM)
        assert connection.getresponse().status == 403


# The credential


def test_the_credential_is_created_once_and_only_the_user_can_read_it(
    engine: Engine, open_engine: Open, tmp_path: Path
) -> None:
    file = engine.folder.path / CREDENTIAL_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert engine.credential.secret_access_key in file.read_text()
    assert open_engine(killed(engine, tmp_path / "killed")).credential == engine.credential
    assert open_engine(tmp_path / "another").credential != engine.credential


def test_a_credential_that_others_could_read_is_replaced(engine: Engine, open_engine: Open, tmp_path: Path) -> None:
    folder = killed(engine, tmp_path / "killed")
    (folder / CREDENTIAL_FILE).chmod(0o644)
    assert open_engine(folder).credential != engine.credential
    assert (folder / CREDENTIAL_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", ["", "[]", '{"access_key_id": "LOCAL", "secret_access_key": 1}', '{"access_key_id": "x"}']
)
def test_an_invalid_credential_file_is_replaced(
    engine: Engine, open_engine: Open, tmp_path: Path, content: str
) -> None:
    folder = killed(engine, tmp_path / "killed")
    (folder / CREDENTIAL_FILE).write_text(content)
    assert len(open_engine(folder).credential.secret_access_key) == 40


# Several clients and processes


def test_no_write_of_parallel_clients_is_lost(engine: Engine, endpoint: AwsEndpoint) -> None:
    wanted = [f"{number:03d}" for number in range(64)]
    with closing(local_client(endpoint.url, engine.credential)) as client, ThreadPoolExecutor(16) as pool:
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
