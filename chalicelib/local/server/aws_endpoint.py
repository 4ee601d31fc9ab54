"""The AWS endpoint: other processes of the same user call the engine's DynamoDB and S3 here.

    client = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:8001", ...)

It listens on the loopback interface only. Every user of the machine, and every web page in a browser, can connect to
that interface, so each request must be signed with the credential in the data folder, which only its user can read.
The endpoint serves only the actions in `aws_actions`. The account is always the engine's, and every region is accepted.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib.core.clock import Clock, system_clock
from chalicelib.core.errors import ApiError
from chalicelib.local.credential import AwsCredential
from chalicelib.local.journal.folder import LOOPBACK
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.rows import REGION
from chalicelib.local.server import signatures
from chalicelib.local.server.aws_actions import dynamodb_action, s3_action
from chalicelib.local.server.aws_errors import AwsError, access_denied, bad_request, error_body
from chalicelib.local.server.connections import LimitedServer, StrictHandler
from chalicelib.local.server.http_body import drain
from chalicelib.local.server.signatures import SignedRequest

MAX_AWS_REQUEST_BYTES = 100_000_000

# Headers that are passed on although clients do not have to sign them. moto requires Authorization, and does not check
# it. Every other header without a signature is dropped.
_UNSIGNED_HEADERS = frozenset(
    {
        "authorization",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-unmodified-since",
        "range",
    }
)


class AwsEndpoint:
    """An HTTP server with threads of its own that verifies requests and passes them to the backends."""

    def __init__(
        self,
        backends: Backends,
        port: int,
        credential: AwsCredential,
        *,
        clock: Clock = system_clock,
    ) -> None:
        """Starts the server. Raises OSError when the port is in use."""
        self._server = LimitedServer((LOOPBACK, port), partial(_Handler, backends, credential, clock))
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="aws-endpoint", daemon=True).start()

    def close(self) -> None:
        """Stops the server."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(StrictHandler):
    server_version = "buckets-door"  # other versions of the engine look for this name

    def __init__(self, backends: Backends, credential: AwsCredential, clock: Clock, *arguments: Any) -> None:
        self._backends = backends
        self._credential = credential
        self._clock = clock
        self._is_body_read = False
        super().__init__(*arguments)

    def do_any(self) -> None:
        """Passes one request to the backends, if it is allowed."""
        self._is_body_read = False
        try:
            request = self._verified()
        except AwsError as error:
            return self._send_error(error)
        return self._send_response(self._backends.send(request))

    def _verified(self) -> AWSPreparedRequest:
        """Returns the request to the backends. Raises AwsError if its sender may not make it."""
        self._check_sender()
        request = signatures.parse_request(str(self.command), self.path, self.headers)
        signature = signatures.parse_signature(request)
        signatures.check_key_id(signature, self._credential)
        signatures.check_time(signature, self._clock())
        self._check_action(request, signature.service)
        body = self._read_body()
        signatures.check_signature(request, signature, body, self._credential)
        return self._forwarded(signature.service, set(signature.signed_headers), body)

    def _check_sender(self) -> None:
        """Rejects requests of web pages: with an Origin, or for another host name, which resolves to this machine."""
        hosts = self.headers.get_all("Host", [])
        port = cast(LimitedServer, self.server).server_port
        if len(hosts) != 1 or hosts[0].strip().lower() not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            raise access_denied(f"The Host of this endpoint is {LOOPBACK}:{port}")
        if "Origin" in self.headers:
            raise access_denied("Web pages may not use this endpoint")

    def _check_action(self, request: SignedRequest, service: str) -> None:
        action = None
        if service == "dynamodb" and not request.is_presigned:
            targets = self.headers.get_all("X-Amz-Target", [])
            target = targets[0] if len(targets) == 1 else ""
            action = dynamodb_action(request.method, request.path, request.parameters, target)
        elif service == "s3" and "X-Amz-Target" not in self.headers:
            action = s3_action(request.method, request.path, request.own_parameters, request.header_names)
        if action is None:
            raise access_denied("This endpoint serves only the actions that the Buckets API uses")

    def _read_body(self) -> bytes:
        try:
            body = self.read_whole_body(MAX_AWS_REQUEST_BYTES)
        except ApiError as error:
            raise bad_request(error.text) from None
        self._is_body_read = True
        return body or b""

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = do_any

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing: the callers are this user's own processes."""

    def _forwarded(self, service: str, signed_headers: set[str], body: bytes) -> AWSPreparedRequest:
        headers = HTTPHeaders()
        for name, value in self.headers.items():
            if name.lower() in signed_headers | _UNSIGNED_HEADERS:
                headers[name] = value
        host = f"{service}.{REGION}.amazonaws.com"
        # The last is the engine's own, which names the account.
        del headers["Host"], headers["Content-Length"], headers["Transfer-Encoding"], headers["X-Moto-Account-Id"]
        headers["Host"] = host
        headers["Content-Length"] = str(len(body))
        return AWSPreparedRequest(str(self.command), f"https://{host}{self.path}", headers, body, False)

    def _send_response(self, response: AWSResponse) -> None:
        content = response.content
        self.send_response(response.status_code)
        for name, value in response.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, str(value))
        length = response.headers.get("Content-Length", "") if self.command == "HEAD" else ""
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send_error(self, error: AwsError) -> None:
        content_type, content = error_body(error, is_dynamodb="X-Amz-Target" in self.headers)
        self.send_response(error.status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        if not self._is_body_read:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        if not self._is_body_read:
            self.wfile.flush()
            drain(self.connection)
