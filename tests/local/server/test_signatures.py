"""A request is accepted exactly as it was signed, whatever it contains, and rejected after any change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode, percent_encode_sequence
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.local.credential import AwsCredential
from chalicelib.local.server import signatures
from chalicelib.local.server.aws_errors import AwsError

CREDENTIAL = AwsCredential("LOCALKEY", "secret")
HOST = "127.0.0.1:8001"
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
VALUES = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
NAMES = st.sampled_from(["content-type", "range", "x-amz-meta-a", "x-amz-storage-class", "content-length"])


class Sent(NamedTuple):
    """A request on its way to the endpoint."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def sent(
    presigned: bool, method: str, key: str, parameters: dict[str, str], headers: dict[str, str], body: bytes
) -> Sent:
    """Returns a request that botocore has signed."""
    query = percent_encode_sequence(parameters)
    url = f"http://{HOST}/bucket/{percent_encode(key, safe='/~')}{'?' + query if query else ''}"
    request = AWSRequest(method, url, {**headers, "Host": HOST}, None if presigned else body)
    credentials = Credentials(*CREDENTIAL)
    signer: Any = S3SigV4QueryAuth(credentials, "s3", "eu-west-1", 60) if presigned else None
    (signer or S3SigV4Auth(credentials, "s3", "eu-west-1")).add_auth(request)
    parts = urlsplit(str(request.url))
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return Sent(method, target, dict(request.headers.items()), body)


def verify(request: Sent, credential: AwsCredential = CREDENTIAL, age: timedelta = timedelta()) -> None:
    """Raises AwsError if the request is rejected."""
    headers = Message()
    for name, value in request.headers.items():
        headers[name] = value
    parsed = signatures.parse_request(request.method, request.target, headers)
    signature = signatures.parse_signature(parsed)
    signatures.check_key_id(signature, credential)
    signatures.check_time(signature, datetime.now(UTC) + age)
    signatures.check_signature(parsed, signature, request.body, credential)


requests = st.builds(
    sent,
    st.booleans(),
    st.sampled_from(["GET", "PUT", "POST"]),
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=3),
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.binary(max_size=20),
)


@given(requests)
def test_a_signed_request_is_accepted(request: Sent) -> None:
    verify(request)


@given(requests, st.data())
def test_a_change_of_one_character_of_the_target_is_rejected(request: Sent, data: st.DataObject) -> None:
    position = data.draw(st.integers(1, len(request.target) - 1))
    other = data.draw(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126))
    changed = request.target[:position] + other + request.target[position + 1 :]
    assume(changed != request.target)
    with pytest.raises(AwsError):
        verify(request._replace(target=changed))


@given(requests, st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE"]))
def test_a_change_of_the_method_is_rejected(request: Sent, method: str) -> None:
    assume(method != request.method)
    with pytest.raises(AwsError):
        verify(request._replace(method=method))


@given(requests, st.data())
def test_a_change_of_a_signed_header_is_rejected(request: Sent, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(request.headers)))
    value = data.draw(VALUES)
    assume(value != request.headers[name])
    with pytest.raises(AwsError):
        verify(request._replace(headers={**request.headers, name: value}))


@given(requests, st.data())
def test_a_missing_signed_header_is_rejected(request: Sent, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(request.headers)))
    with pytest.raises(AwsError):
        verify(request._replace(headers={key: value for key, value in request.headers.items() if key != name}))


@given(requests, TEXT, TEXT)
def test_a_further_parameter_is_rejected(request: Sent, name: str, value: str) -> None:
    separator = "&" if "?" in request.target else "?"
    with pytest.raises(AwsError):
        verify(request._replace(target=request.target + separator + percent_encode_sequence({name: value})))


@given(requests, st.binary(max_size=20))
def test_another_body_is_rejected_when_the_header_has_the_signature(request: Sent, body: bytes) -> None:
    assume(body != request.body and "Authorization" in request.headers)
    with pytest.raises(AwsError):
        verify(request._replace(body=body))


@given(requests, TEXT)
def test_another_secret_key_is_rejected(request: Sent, secret: str) -> None:
    assume(secret != CREDENTIAL.secret_access_key)
    with pytest.raises(AwsError):
        verify(request, CREDENTIAL._replace(secret_access_key=secret))


@given(requests, st.integers(-10_000, 10_000))
def test_a_request_is_accepted_only_near_its_time(request: Sent, seconds: int) -> None:
    assume(abs(abs(seconds) - 900) > 2 and not 55 < seconds < 65)
    limit = 900 if "Authorization" in request.headers else 60
    if -900 < seconds < limit:
        verify(request, age=timedelta(seconds=seconds))
    else:
        with pytest.raises(AwsError):
            verify(request, age=timedelta(seconds=seconds))
