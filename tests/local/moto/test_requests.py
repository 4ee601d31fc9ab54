"""moto receives the same requests as without the patches."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.compat import HTTPHeaders
from moto import backend_index
from moto.core.base_backend import BaseBackend
from moto.core.request import Request
from moto.dynamodb.models import dynamodb_backends
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends

from chalicelib.local.moto.patches import install

URL = "https://dynamodb.us-east-1.amazonaws.com/"
HEADERS = {
    "X-Amz-Target": "DynamoDB_20120810.PutItem",
    "Content-Type": "application/x-amz-json-1.0",
    "User-Agent": b"Boto3/1.0",
    "x-moto-account-id": "123456789012",
}


@pytest.fixture(autouse=True)
def _installed() -> None:
    install()


def environment_of(request: Request) -> dict[str, Any]:
    """The WSGI environment, without objects that exist once per request."""
    request.get_data()
    own = ("wsgi.input", "werkzeug.request")
    return {name: value for name, value in request.environ.items() if name not in own}


@pytest.mark.parametrize(
    ("method", "url", "more", "body"),
    [
        ("POST", URL, {}, b'{"TableName": "t"}'),
        ("POST", URL, {"Content-Length": "18", "Host": "localhost:8000"}, b'{"TableName": "t"}'),
        ("POST", URL, {"Transfer-Encoding": "chunked", "X-Number": 5}, b"{}"),
        ("POST", URL[:-1] + ":8443/", {}, b"{}"),
        ("POST", "http://dynamodb.us-east-1.amazonaws.com/", {}, b"a=1&b=\xc3\xa4"),
        ("POST", URL + "?a=1", {}, b"{}"),
        ("POST", URL + "path/%41", {}, b"{}"),
        ("POST", URL, {}, b""),
        ("POST", URL, {}, None),
        ("POST", URL, {}, '{"a": "\u00e4"}'),
        ("GET", URL, {}, None),
        ("PUT", "https://bucket.s3.amazonaws.com/key", {"X-Amz-Meta-A_b": "1"}, b"content"),
    ],
)
@pytest.mark.parametrize("kind", [dict, HeadersDict])
def test_a_request_is_the_same_as_without_the_patch(method: str, url: str, more: Any, body: Any, kind: Any) -> None:
    patched: Any = Request.from_primitives
    arguments = (method, url, kind({**HEADERS, **more}), body)
    request, expected = patched(*arguments), patched.__func__.__wrapped__(Request, *arguments)
    assert request.get_data() == expected.get_data()
    assert environment_of(request) == environment_of(expected)
    assert (request.raw_url, list(request.headers)) == (expected.raw_url, list(expected.headers))


def test_a_header_that_occurs_twice_has_both_values() -> None:
    headers = HTTPHeaders()
    for name, value in (("X-Amz-Target", "DynamoDB_20120810.PutItem"), ("X-Twice", "a"), ("x-twice", "b")):
        headers[name] = value
    patched: Any = Request.from_primitives
    arguments = ("POST", URL, headers, b"{}")
    expected = patched.__func__.__wrapped__(Request, *arguments)
    assert environment_of(patched(*arguments)) == environment_of(expected)
    assert expected.headers["X-Twice"] == "a, b"


def test_each_service_keeps_its_urls() -> None:
    backends: Any = BaseBackend
    patched = backends.urls.fget
    for backend in (dynamodb_backends["1" * 12]["us-east-1"], s3_backends["1" * 12]["aws"]):
        for _ in range(2):
            assert backend.urls == patched.__wrapped__(backend)


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("dynamodb.us-east-1", "dynamodb"),
        ("streams.dynamodb.us-east-1", "dynamodbstreams"),
        ("bucket.s3", "s3"),
        ("s3.us-east-1", "s3"),
        ("sqs.us-east-1", "sqs"),
    ],
)
def test_each_host_belongs_to_its_service(host: str, service: str) -> None:
    url = f"https://{host}.amazonaws.com/"
    assert next(name for name, pattern in backend_index.backend_url_patterns if pattern.match(url)) == service


def test_a_random_text_has_the_length_and_the_characters() -> None:
    text = mock_random.get_random_string(length=2000)
    assert len(text) == 2000
    assert len(set(text)) == 62
    assert len(mock_random.get_random_string()) == 20
    assert mock_random.get_random_string(500, include_digits=False).isalpha()
    assert mock_random.get_random_string(500, lower_case=True).upper() != mock_random.get_random_string(500)
    assert not any(letter.isupper() for letter in mock_random.get_random_string(500, lower_case=True))
