"""Verification of AWS Signature Version 4, in the Authorization header and in presigned S3 URLs.

botocore computes the expected signature, from the parts of the request that were signed. The rules are those of AWS:
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from chalicelib.local.credential import AwsCredential
from chalicelib.local.server.aws_errors import AwsError, access_denied, bad_request, malformed_signature

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_CLOCK_DIFFERENCE = timedelta(minutes=15)
MAX_EXPIRES_SECONDS = 604_800
MAX_PARAMETERS = 100

_SCOPE = r"(?P<key_id>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request"
_SIGNED_HEADERS = r"[a-z0-9!#$%&'*+.^_`|~-]+(?:;[a-z0-9!#$%&'*+.^_`|~-]+)*"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} +Credential={_SCOPE}, *SignedHeaders=(?P<headers>{_SIGNED_HEADERS}),"
    r" *Signature=(?P<hex>[0-9a-f]{64})",
    re.ASCII,
)
_QUERY_SCOPE = re.compile(_SCOPE, re.ASCII)
_QUERY_HEADERS = re.compile(_SIGNED_HEADERS, re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_EXPIRES = re.compile(r"\d{1,6}", re.ASCII)
# Visible ASCII without "#": where a fragment started, different parsers would read different URLs.
_TARGET = re.compile(r"/[!-\"$-~]*", re.ASCII)
_AUTHORIZATION_PARAMETERS = frozenset(
    {
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        "X-Amz-Content-Sha256",
    }
)


class SignedRequest(NamedTuple):
    """A request as it was received. `path` and `query` are not decoded."""

    method: str
    path: str
    query: str
    parameters: Mapping[str, str]
    headers: Message

    @property
    def is_presigned(self) -> bool:
        """Whether the signature is in the query string."""
        return not _AUTHORIZATION_PARAMETERS.isdisjoint(self.parameters)

    @property
    def own_parameters(self) -> set[str]:
        """The names in the query string, without those of the signature."""
        return self.parameters.keys() - _AUTHORIZATION_PARAMETERS

    @property
    def header_names(self) -> set[str]:
        """The names of the headers in lower case."""
        return {name.lower() for name in self.headers}


class Signature(NamedTuple):
    """The parts of a signature. `payload_hash` is None if the request does not name the hash of its body."""

    key_id: str
    date: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    hex_digest: str
    expires_seconds: int | None
    payload_hash: str | None


def parse_request(method: str, target: str, headers: Message) -> SignedRequest:
    """Returns the parts of a request. `target` is the second word of the request line.

    Raises AwsError if they are ambiguous.
    """
    if not _TARGET.fullmatch(target):
        raise bad_request("The path and the query string may contain only visible ASCII characters")
    path, _, query = target.partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise bad_request(f"The query string may have at most {MAX_PARAMETERS} parameters") from None
    parameters = dict(pairs)
    # A signature does not protect the order of parameters, so with repeated ones it would not protect the meaning.
    if len(parameters) < len(pairs):
        raise bad_request("A query parameter is repeated")
    return SignedRequest(method, path, query, parameters, headers)


def parse_signature(request: SignedRequest) -> Signature:
    """Returns the signature of a request. Raises AwsError if there is none, or if it is malformed or incomplete."""
    authorization = request.headers.get_all("Authorization", [])
    if authorization and request.is_presigned:
        message = "Only one auth mechanism allowed: the X-Amz-Algorithm query parameter or the Authorization header"
        raise AwsError(400, "IncompleteSignatureException", "InvalidArgument", message)
    signature = _in_query(request) if request.is_presigned else _in_header(request, authorization)
    if "host" not in signature.signed_headers:
        raise malformed_signature("SignedHeaders must contain host", presigned=request.is_presigned)
    if not signature.timestamp.startswith(signature.date):
        raise malformed_signature(
            "The date of the credential scope must be that of X-Amz-Date", presigned=request.is_presigned
        )
    unsigned = {name for name in request.header_names if name.startswith("x-amz-")} - set(signature.signed_headers)
    if unsigned:
        names = ", ".join(sorted(unsigned))
        message = "There were headers present in the request which were not signed"
        raise access_denied(message, {"HeadersNotSigned": names})
    return signature


def _in_header(request: SignedRequest, authorization: list[str]) -> Signature:
    if not authorization:
        raise AwsError(403, "MissingAuthenticationTokenException", "AccessDenied", "The request is not signed")
    match = _AUTHORIZATION.fullmatch(authorization[0].strip()) if len(authorization) == 1 else None
    if match is None:
        raise malformed_signature(f"The Authorization header is not a signature of {ALGORITHM}", presigned=False)
    dates = request.headers.get_all("X-Amz-Date", [])
    if len(dates) != 1 or not _TIMESTAMP.fullmatch(dates[0]):
        raise malformed_signature("The header X-Amz-Date must be a time such as 20260131T235959Z", presigned=False)
    return Signature(
        key_id=match["key_id"],
        date=match["date"],
        region=match["region"],
        service=match["service"],
        timestamp=dates[0],
        signed_headers=tuple(match["headers"].split(";")),
        hex_digest=match["hex"],
        expires_seconds=None,
        payload_hash=_payload_header(request),
    )


def _in_query(request: SignedRequest) -> Signature:
    values = request.parameters
    scope = _QUERY_SCOPE.fullmatch(values.get("X-Amz-Credential", ""))
    signed_headers = values.get("X-Amz-SignedHeaders", "")
    expires = values.get("X-Amz-Expires", "")
    if values.get("X-Amz-Algorithm") != ALGORITHM:
        raise malformed_signature(f"X-Amz-Algorithm only supports {ALGORITHM}", presigned=True)
    if scope is None:
        raise malformed_signature("X-Amz-Credential is missing or malformed", presigned=True)
    if not _TIMESTAMP.fullmatch(values.get("X-Amz-Date", "")):
        raise malformed_signature("X-Amz-Date is missing or malformed", presigned=True)
    if not _QUERY_HEADERS.fullmatch(signed_headers):
        raise malformed_signature("X-Amz-SignedHeaders is missing or malformed", presigned=True)
    if not _EXPIRES.fullmatch(expires) or not 1 <= int(expires) <= MAX_EXPIRES_SECONDS:
        raise malformed_signature(f"X-Amz-Expires must be from 1 to {MAX_EXPIRES_SECONDS} seconds", presigned=True)
    if not _HEX.fullmatch(values.get("X-Amz-Signature", "")):
        raise malformed_signature("X-Amz-Signature is missing or malformed", presigned=True)
    return Signature(
        key_id=scope["key_id"],
        date=scope["date"],
        region=scope["region"],
        service=scope["service"],
        timestamp=values["X-Amz-Date"],
        signed_headers=tuple(signed_headers.split(";")),
        hex_digest=values["X-Amz-Signature"],
        expires_seconds=int(expires),
        payload_hash=_payload_header(request) or values.get("X-Amz-Content-Sha256"),
    )


def _payload_header(request: SignedRequest) -> str | None:
    values = request.headers.get_all("X-Amz-Content-Sha256", [])
    if len(values) > 1:
        raise bad_request("The header X-Amz-Content-Sha256 is repeated")
    return str(values[0]) if values else None


def check_time(signature: Signature, now: datetime) -> None:
    """Raises AwsError if the signature is too old, has expired, or is from the future."""
    try:
        signed_at = datetime.strptime(signature.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise malformed_signature("X-Amz-Date is not a time", presigned=signature.expires_seconds is not None) from None
    if signature.expires_seconds is None:
        if abs(now - signed_at) > MAX_CLOCK_DIFFERENCE:
            message = (
                f"Signature expired: the time {signature.timestamp} of the request differs too much from the current"
            )
            raise AwsError(403, "InvalidSignatureException", "RequestTimeTooSkewed", f"{message} time")
    elif signed_at - now > MAX_CLOCK_DIFFERENCE:
        raise access_denied("Request is not valid yet")
    elif now - signed_at >= timedelta(seconds=signature.expires_seconds):
        expired_at = signed_at + timedelta(seconds=signature.expires_seconds)
        raise access_denied(
            "Request has expired",
            {
                "X-Amz-Expires": str(signature.expires_seconds),
                "Expires": f"{expired_at:%Y-%m-%dT%H:%M:%SZ}",
                "ServerTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            },
        )


def check_key_id(signature: Signature, credential: AwsCredential) -> None:
    """Raises AwsError if the request was signed with another access key."""
    if not hmac.compare_digest(signature.key_id.encode(), credential.access_key_id.encode()):
        message = "The access key id is not that of this data folder"
        details = {"AWSAccessKeyId": signature.key_id}
        raise AwsError(403, "UnrecognizedClientException", "InvalidAccessKeyId", message, details)


def check_signature(request: SignedRequest, signature: Signature, body: bytes, credential: AwsCredential) -> None:
    """Raises AwsError if the request differs from the one that was signed, or was signed with another secret key."""
    actual = hashlib.sha256(body).hexdigest()
    named = named_payload_hash(request, signature)
    check_head(request, signature, named or actual, credential)
    check_payload(named, actual)


def check_head(request: SignedRequest, signature: Signature, payload_hash: str, credential: AwsCredential) -> None:
    """Raises AwsError if a request with this hash of its body has another signature. Does not check the body."""
    signer = _Signer(credential, signature, payload_hash)
    signed = _signed_part(request, signature)
    canonical_request = signer.canonical_request(signed)
    string_to_sign = signer.string_to_sign(signed, canonical_request)
    if not hmac.compare_digest(str(signer.signature(string_to_sign, signed)), signature.hex_digest):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        # As S3 does: from the canonical request, a client can see which header is not the one that was signed.
        details = {
            "AWSAccessKeyId": signature.key_id,
            "StringToSign": string_to_sign,
            "SignatureProvided": signature.hex_digest,
            "CanonicalRequest": canonical_request,
        }
        raise AwsError(403, "InvalidSignatureException", "SignatureDoesNotMatch", message, details)


def named_payload_hash(request: SignedRequest, signature: Signature) -> str | None:
    """Returns the hash of the body that the request names, UNSIGNED-PAYLOAD, or None if it is that of its body."""
    named = signature.payload_hash
    if named is None:
        if signature.service == "s3" and not request.is_presigned:
            message = "Missing required header for this request: x-amz-content-sha256"
            raise AwsError(400, "SerializationException", "InvalidRequest", message)
        return UNSIGNED_PAYLOAD if request.is_presigned else None
    if named.startswith("STREAMING-"):
        message = "A header you provided implies functionality that is not implemented"
        raise AwsError(501, "SerializationException", "NotImplemented", message, {"Header": "x-amz-content-sha256"})
    if named == UNSIGNED_PAYLOAD and signature.service != "s3":
        raise bad_request("Only requests to S3 may have an unsigned body")
    return named


def check_payload(named: str | None, actual: str) -> None:
    """Raises AwsError if the request names a hash of its body that is not the actual one."""
    if named in (None, UNSIGNED_PAYLOAD) or hmac.compare_digest(str(named).encode(), actual.encode()):
        return
    message = "The provided 'x-amz-content-sha256' header does not match what was computed."
    raise AwsError(400, "InvalidSignatureException", "XAmzContentSHA256Mismatch", message)


class _Signer(S3SigV4Auth):
    """Signs exactly the headers of a request. It does not normalize the path, which DynamoDB requires to be `/`."""

    def __init__(self, credential: AwsCredential, signature: Signature, payload_hash: str) -> None:
        super().__init__(Credentials(*credential), signature.service, signature.region)
        self._payload_hash = payload_hash

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers

    def payload(self, request: AWSRequest) -> str:
        return self._payload_hash


def _signed_part(request: SignedRequest, signature: Signature) -> AWSRequest:
    """Returns the part of a request that its signature includes."""
    headers = HTTPHeaders()
    for name in signature.signed_headers:
        for value in request.headers.get_all(name, [""]):
            headers[name] = value
    pairs = (pair for pair in request.query.split("&") if pair)
    query = "&".join(pair for pair in pairs if unquote_plus(pair.partition("=")[0]) != "X-Amz-Signature")
    # The host is not taken from the URL: it is one of the headers.
    url = f"http://host{request.path}{'?' + query if query else ''}"
    signed = AWSRequest(method=request.method, url=url)
    signed.headers = headers
    signed.context["timestamp"] = signature.timestamp
    return signed
