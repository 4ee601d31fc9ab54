"""The AWS endpoint: AWS clients of the same user can use the engine, and nobody else."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from chalicelib.local.client import local_client
from chalicelib.local.engine import Engine
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from tests.local.conftest import CATALOG, Open, killed, names, new_row, put
from tests.local.server.conftest import BUCKET, Clock, Make, ask, ask_url, signed_headers


def get_item_headers(engine: Engine, url: str, body: bytes, **headers: str) -> dict[str, str]:
    return signed_headers(engine, "dynamodb", "POST", url, body, X_Amz_Target="DynamoDB_20120810.GetItem", **headers)


GET_ITEM = json.dumps({"TableName": CATALOG, "Key": {"pk": {"S": "ours"}, "sk": {"S": "-"}}}).encode()


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


def test_a_header_may_not_be_repeated_to_change_the_action(engine: Engine, endpoint: AwsEndpoint) -> None:
    headers = get_item_headers(engine, endpoint.url + "/", GET_ITEM)
    with closing(http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=10)) as connection:
        connection.putrequest("POST", "/")
        for name, value in {**headers, "Content-Length": str(len(GET_ITEM))}.items():
            connection.putheader(name, value)
        connection.putheader("X-Amz-Target", "DynamoDB_20120810.PutItem")
        connection.endheaders(GET_ITEM)
        assert connection.getresponse().status == 403
