"""The AWS endpoint, which checks signatures as AWS does, accepts the calls of the service's DynamoDB client."""

from __future__ import annotations

from contextlib import closing

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.session import Session

from chalicelib.aws.clients import dynamodb_client
from chalicelib.local.engine import Engine
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from chalicelib.settings import Settings
from tests.local.conftest import CATALOG, names, new_row


@pytest.mark.parametrize("token", [None, "IQoJb3JpZ2luX2VjE/+=="])
def test_calls_are_accepted_with_the_current_credentials_only(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, endpoint: AwsEndpoint, token: str | None
) -> None:
    key_id, secret = engine.credential
    credentials = Credentials(key_id, secret, token)
    monkeypatch.setattr(Session, "get_credentials", lambda _: credentials)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint.url)
    with closing(dynamodb_client(Settings())) as client:
        client.put_item(TableName=CATALOG, Item=new_row("first"))
        client.put_item(TableName=CATALOG, Item=new_row("second", text={"S": "é\u2028" * 1000}))
        credentials.secret_key = "another secret"
        with pytest.raises(ClientError) as raised:
            client.put_item(TableName=CATALOG, Item=new_row("third"))
        assert raised.value.response["Error"]["Code"] == "InvalidSignatureException"
        credentials.secret_key = secret
        client.put_item(TableName=CATALOG, Item=new_row("fourth"))
    assert sorted(names(engine)) == ["first", "fourth", "second"]
