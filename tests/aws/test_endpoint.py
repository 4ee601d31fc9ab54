from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.regions import EndpointRulesetResolver

from chalicelib.aws.clients import dynamodb_client, s3_client
from chalicelib.aws.endpoint import resolve_once
from chalicelib.settings import Settings


class Body:
    """The body of a response."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, **_: Any) -> list[bytes]:
        return [self.content]


@contextmanager
def sent(client: Any, content: bytes = b"{}") -> Iterator[list[str]]:
    """Responds to calls with this content, and collects their URLs."""
    urls: list[str] = []

    def respond(request: AWSPreparedRequest, **_: Any) -> Any:
        urls.append(request.url)
        return AWSResponse(request.url, 200, HTTPHeaders(), Body(content))

    client.meta.events.register("before-send", respond)
    yield urls


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations for which botocore resolves an endpoint."""
    operations: list[str] = []
    construct = EndpointRulesetResolver.construct_endpoint

    def noted(resolver: Any, operation_model: Any, *arguments: Any, **named: Any) -> Any:
        operations.append(operation_model.name)
        return construct(resolver, operation_model, *arguments, **named)

    monkeypatch.setattr(EndpointRulesetResolver, "construct_endpoint", noted)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return operations


ENVIRONMENTS = [
    ({}, "https://dynamodb.eu-west-1.amazonaws.com/"),
    ({"AWS_REGION": "cn-north-1"}, "https://dynamodb.cn-north-1.amazonaws.com.cn/"),
    ({"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1/base"}, "http://127.0.0.1:1/base"),
]


@pytest.mark.parametrize(("environment", "url"), ENVIRONMENTS)
def test_a_client_of_dynamodb_resolves_its_endpoint_once(
    monkeypatch: pytest.MonkeyPatch, resolved: list[str], environment: dict[str, str], url: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    first, second = dynamodb_client(Settings()), dynamodb_client(Settings())
    with sent(first) as urls:
        first.list_tables()
        first.describe_table(TableName="films")
        first.delete_table(TableName="films")
    with sent(second) as others:
        second.describe_limits()
    assert urls == [url] * 3
    assert others == [url]
    assert resolved == ["ListTables", "DescribeLimits"]


def test_a_client_of_s3_resolves_an_endpoint_for_each_bucket(resolved: list[str]) -> None:
    client = s3_client(Settings())
    with sent(client, b"") as urls:
        for bucket in ("films", "books"):
            client.head_bucket(Bucket=bucket)
    assert [url.removeprefix("https://").partition(".")[0] for url in urls] == ["films", "books"]
    assert len(resolved) == 2


def test_a_botocore_that_keeps_its_resolver_elsewhere_resolves_for_each_call(resolved: list[str]) -> None:
    client: Any = dynamodb_client(Settings())
    resolver = client._ruleset_resolver._resolver
    del client._ruleset_resolver
    resolve_once(client)
    assert not hasattr(client, "_ruleset_resolver")
    client._ruleset_resolver = resolver
    with sent(client):
        client.list_tables()
        client.list_tables()
    assert resolved == ["ListTables", "ListTables"]


def test_other_members_of_the_resolver_are_those_of_botocore(resolved: list[str]) -> None:
    client: Any = dynamodb_client(Settings())
    schemes = client._ruleset_resolver.auth_schemes_to_signing_ctx([{"name": "sigv4", "signingName": "other"}])
    assert schemes == ("v4", {"signing_name": "other"})
    assert resolved == []
