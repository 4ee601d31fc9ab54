"""The signatures of calls to DynamoDB are those of botocore's signer."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws import signing
from chalicelib.aws.clients import dynamodb_client
from chalicelib.aws.signing import DynamoDBSigner, signs_like_botocore
from chalicelib.settings import Settings

VISIBLE = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)
HEADERS = {"X-Amz-Target": "DynamoDB_20120810.GetItem", "Content-Type": "application/x-amz-json-1.0"}
URL = "https://dynamodb.eu-west-1.amazonaws.com/"
URLS = [
    URL,
    "http://127.0.0.1:8001",
    "http://localhost:80/",
    "https://user@Example.com:8443/a/../path with spaces//?b=2&a=1",
    "http://[::1]:9000/",
]
OPTIONAL = ["User-Agent", "X-Amzn-Trace-Id", "Expect", "X-Amz-Meta", "Host", "Authorization", "X-Amz-Date", "Date"]
CREDENTIALS = ReadOnlyCredentials("id", "secret", None)


def signature(request: AWSRequest, credentials: Any, region: str, service: str) -> str:
    """Returns the signature of botocore for the time at which the request was signed."""
    signer = auth.SigV4Auth(credentials, service, region)
    unsigned = AWSRequest(request.method, request.url, dict(request.headers.items()), request.data)
    del unsigned.headers["Authorization"]
    unsigned.context = request.context
    headers = signer.signed_headers(signer.headers_to_sign(unsigned))
    text = signer.string_to_sign(unsigned, signer.canonical_request(unsigned))
    scope = signer.scope(unsigned)
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={headers}, Signature={signer.signature(text, unsigned)}"


@given(
    url=st.sampled_from(URLS),
    headers=st.dictionaries(st.sampled_from(OPTIONAL), VISIBLE.filter(str.strip)),
    body=st.binary(),
    credentials=st.builds(ReadOnlyCredentials, VISIBLE, VISIBLE, st.none() | VISIBLE),
    region=st.sampled_from(["eu-west-1", "local"]),
)
def test_any_request_has_the_signature_of_botocore(
    url: str, headers: dict[str, str], body: bytes, credentials: ReadOnlyCredentials, region: str
) -> None:
    request = AWSRequest("POST", url, HEADERS | headers, body)
    DynamoDBSigner(credentials, "dynamodb", region).add_auth(request)
    assert request.headers["Authorization"] == signature(request, credentials, region, "dynamodb")
    assert request.headers.get_all("X-Amz-Security-Token") == ([credentials.token] if credentials.token else None)


def test_the_key_follows_the_secret_the_region_the_service_and_the_date(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ReadOnlyCredentials("id", "another secret", None)
    first, second = (time.struct_time((2040, 1, day, 3, 4, 5, 0, 2, 0)) for day in (2, 3))
    for credentials, region, service, now in (
        (CREDENTIALS, "eu-west-1", "dynamodb", first),
        (other, "eu-west-1", "dynamodb", first),
        (other, "us-east-1", "dynamodb", first),
        (other, "us-east-1", "other", first),
        (other, "us-east-1", "other", second),
        (CREDENTIALS, "eu-west-1", "dynamodb", first),
    ):
        monkeypatch.setattr(time, "gmtime", lambda now=now: now)
        request = AWSRequest("POST", URL, HEADERS, b"{}")
        DynamoDBSigner(credentials, service, region).add_auth(request)
        assert request.context["timestamp"] == f"204001{now.tm_mday:02}T030405Z"
        assert request.headers["Authorization"] == signature(request, credentials, region, service)


def test_a_secret_that_was_replaced_is_not_kept() -> None:
    for secret in ("first", "second"):
        DynamoDBSigner(Credentials("id", secret), "dynamodb", "eu-west-1").add_auth(AWSRequest("POST", URL, {}, b"{}"))
    before = signing._derived.cache_info()
    assert before.currsize == 4
    signing._derived(b"AWS4first", time.strftime("%Y%m%d", time.gmtime()))
    assert signing._derived.cache_info().misses == before.misses + 1


def test_a_request_without_credentials_is_not_signed() -> None:
    signer = DynamoDBSigner(None, "dynamodb", "eu-west-1")  # type: ignore[arg-type]
    with pytest.raises(NoCredentialsError):
        signer.add_auth(AWSRequest("POST", URL, {}, b"{}"))


class Sent:
    """A client whose calls get an empty response, and the requests that it has sent."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.client = dynamodb_client(Settings())
        self.client.meta.events.register("before-send.dynamodb", self._respond)

    def _respond(self, request: AWSPreparedRequest, **_: Any) -> Any:
        self.requests.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), Empty())

    def call(self) -> None:
        """Calls DynamoDB, and checks that the signature is that of botocore's signer."""
        self.client.list_tables()
        sent = self.requests[-1]
        headers = {name: value.decode() for name, value in sent.headers.items() if isinstance(value, bytes)}
        names = headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
        # botocore adds other headers after it has signed.
        signed_headers = {name: value for name, value in headers.items() if name.lower() in names}
        signed = AWSRequest(sent.method, sent.url, signed_headers, sent.body)
        signed.context = sent.context
        credentials = Credentials("a-key-id", "a-secret")
        assert headers["Authorization"] == signature(signed, credentials, "eu-west-1", "dynamodb")


class Empty:
    """The body of an empty response."""

    def stream(self, **_: Any) -> list[bytes]:
        return [b"{}"]


@pytest.fixture
def signers(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """The classes of the signers that sign requests in this test."""
    used: list[type] = []
    modify = auth.SigV4Auth._modify_request_before_signing  # type: ignore[attr-defined]

    def noted(signer: auth.SigV4Auth, request: AWSRequest) -> None:
        used.append(type(signer))
        modify(signer, request)

    monkeypatch.setattr(auth.SigV4Auth, "_modify_request_before_signing", noted)
    for name, value in (
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "a-key-id"),
        ("AWS_SECRET_ACCESS_KEY", "a-secret"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    return used


def test_a_client_signs_with_it(signers: list[type]) -> None:
    Sent().call()
    assert signers[-1] is DynamoDBSigner


def missing(signer: DynamoDBSigner) -> Any:
    raise AttributeError("this version of botocore has another name for it")


def without(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(DynamoDBSigner, name, property(missing), raising=False)


CHANGES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "other headers are signed": lambda patch: patch.setattr(signing, "_NOT_SIGNED", frozenset()),
    "another algorithm": lambda patch: patch.setattr(DynamoDBSigner, "_sign", lambda *_: "0"),
    "other credentials": lambda patch: patch.setattr(
        DynamoDBSigner, "__init__", lambda signer, *_: setattr(signer, "credentials", object())
    ),
} | {name: without(name) for name in ("_modify_request_before_signing", "scope", "signature", "string_to_sign")}


@pytest.mark.parametrize("change", CHANGES)
def test_a_botocore_that_differs_signs_itself(
    monkeypatch: pytest.MonkeyPatch, signers: list[type], change: str
) -> None:
    assert signs_like_botocore()
    CHANGES[change](monkeypatch)
    assert not signs_like_botocore()
    Sent().call()
    assert signers[-1] is auth.SigV4Auth


def test_a_botocore_without_a_table_of_signers_signs_itself(
    monkeypatch: pytest.MonkeyPatch, signers: list[type]
) -> None:
    others = {name: value for name, value in vars(auth).items() if name != "AUTH_TYPE_MAPS"}
    monkeypatch.setattr(signing, "auth", SimpleNamespace(**others))
    Sent().call()
    assert signers[-1] is auth.SigV4Auth


def test_a_botocore_that_cannot_derive_keys_in_steps_derives_them_itself(
    monkeypatch: pytest.MonkeyPatch, signers: list[type]
) -> None:
    monkeypatch.delattr(DynamoDBSigner, "_sign")
    assert signs_like_botocore()
    Sent().call()
    assert signers[-1] is DynamoDBSigner
