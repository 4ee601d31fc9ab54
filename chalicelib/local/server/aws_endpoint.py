"""The AWS endpoint: other processes of the same user call the engine's DynamoDB and S3 here.

    client = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:8001", ...)

It listens on the loopback interface only. Every user of the machine, and every web page in a browser, can connect to
that interface, so each request must be signed with the credential in the data folder, which only its user can read.
The endpoint serves only the actions in `aws_actions`. The account is always the engine's, and every region is accepted.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, BinaryIO, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib.core.clock import Clock, system_clock
from chalicelib.core.errors import ApiError
from chalicelib.local.credential import AwsCredential
from chalicelib.local.journal.contents import ContentFiles, IncomingContent
from chalicelib.local.journal.folder import LOOPBACK
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.contents import MappedResponse
from chalicelib.local.moto.rows import REGION
from chalicelib.local.server import signatures
from chalicelib.local.server.aws_actions import dynamodb_action, s3_action
from chalicelib.local.server.aws_errors import (
    AwsError,
    access_denied,
    bad_request,
    coding_not_supported,
    error_body,
    incomplete_body,
    length_missing,
    not_stored,
    too_large,
)
from chalicelib.local.server.connections import LimitedServer, StrictHandler
from chalicelib.local.server.http_body import content_length, drain
from chalicelib.local.server.signatures import Signature, SignedRequest

# The limits of a request that is kept in memory, and of a file, which is the limit of S3 for one PutObject.
MAX_AWS_REQUEST_BYTES = 100_000_000
MAX_FILE_BYTES = 5 * 1024**3
# A larger file is written to the disk while it is received.
MAX_BYTES_IN_MEMORY = 8_000_000
PART_BYTES = 1_000_000

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
# How often a server checks whether it was closed, in seconds.
POLL_SECONDS = 0.1


class AwsEndpoint:
    """An HTTP server with threads of its own that verifies requests and passes them to the backends."""

    def __init__(
        self,
        backends: Backends,
        port: int,
        credential: AwsCredential,
        *,
        clock: Clock = system_clock,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Starts the server. Raises OSError when the port is in use. `close` waits for up to `poll_seconds`."""
        self._server = LimitedServer((LOOPBACK, port), partial(_Handler, backends, credential, clock))
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, args=(poll_seconds,), name="aws-endpoint", daemon=True
        ).start()

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
        self._waits_for_continue = False
        super().__init__(*arguments)

    def do_any(self) -> None:
        """Passes one request to the backends, if it is allowed."""
        self._is_body_read = False
        try:
            response = self._response()
        except AwsError as error:
            return self._send_error(error)
        return self._send_response(response)

    def handle_expect_100(self) -> bool:
        """Sends the response 100 Continue later: a client that waits for it does not send a file that is rejected."""
        self._waits_for_continue = True
        return True

    def _response(self) -> AWSResponse:
        """Returns the response of the backends. Raises AwsError if the sender may not make the request."""
        self._check_sender()
        request = signatures.parse_request(str(self.command), self.path, self.headers)
        signature = signatures.parse_signature(request)
        signatures.check_key_id(signature, self._credential)
        signatures.check_time(signature, self._clock())
        action = self._action(request, signature.service)
        named = signatures.named_payload_hash(request, signature)
        if named is not None:  # the signature can be checked before the body is read
            signatures.check_head(request, signature, named, self._credential)
        if action == "PutObject":
            size = self._file_size()
            contents = self._backends.contents
            if size > MAX_BYTES_IN_MEMORY and contents is not None:
                return self._store(contents, size, named, signature)
        body = self._read_body()
        signatures.check_signature(request, signature, body, self._credential)
        return self._backends.send(self._forwarded(signature, body))

    def _check_sender(self) -> None:
        """Rejects requests of web pages: with an Origin, or for another host name, which resolves to this machine."""
        hosts = self.headers.get_all("Host", [])
        port = cast(LimitedServer, self.server).server_port
        if len(hosts) != 1 or hosts[0].strip().lower() not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            raise access_denied(f"The Host of this endpoint is {LOOPBACK}:{port}")
        if "Origin" in self.headers:
            raise access_denied("Web pages may not use this endpoint")

    def _action(self, request: SignedRequest, service: str) -> str:
        """Returns the action of the request. Raises AwsError if it is not one of those that are served."""
        action = None
        if service == "dynamodb" and not request.is_presigned:
            targets = self.headers.get_all("X-Amz-Target", [])
            target = targets[0] if len(targets) == 1 else ""
            action = dynamodb_action(request.method, request.path, request.parameters, target)
        elif service == "s3" and "X-Amz-Target" not in self.headers:
            action = s3_action(request.method, request.path, request.own_parameters, request.header_names)
        if action is None:
            raise access_denied("This endpoint serves only the actions that the Buckets API uses")
        return action

    def _file_size(self) -> int:
        """Returns the length of the file that the request stores. Raises AwsError if it is not one that S3 accepts."""
        if "Transfer-Encoding" in self.headers:
            raise coding_not_supported()
        try:
            size = content_length(self.headers)
        except ApiError as error:
            raise bad_request(error.text) from None
        if size is None:
            raise length_missing()
        if size > MAX_FILE_BYTES:
            raise too_large(size, MAX_FILE_BYTES)
        return size

    def _store(self, contents: ContentFiles, size: int, named: str | None, signature: Signature) -> AWSResponse:
        """Receives a large file, whose request has a valid signature, and stores it."""
        # The time limit of a request is for clients that are not known. A file may take longer.
        cast(LimitedServer, self.server).stop_waiting(self.connection)
        with contents.receive() as incoming:
            try:
                self._receive(incoming, size)
                content = incoming.finish()
            except OSError as error:
                if isinstance(error, (ConnectionError, TimeoutError)):  # of the client, which gets no response
                    raise
                raise not_stored(error) from error
            signatures.check_payload(named, incoming.sha256)
            return self._backends.send(self._forwarded(signature, b""), content)

    def _receive(self, incoming: IncomingContent, size: int) -> None:
        self._continue()
        stream = cast(BinaryIO, self.rfile)
        remaining = size
        while remaining:
            part = stream.read(min(PART_BYTES, remaining))
            if not part:
                raise incomplete_body()
            incoming.write(part)
            remaining -= len(part)
        self._is_body_read = True

    def _continue(self) -> None:
        """Lets the client send the body, if it waits for that."""
        if self._waits_for_continue:
            self._waits_for_continue = False
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()

    def _read_body(self) -> bytes:
        self._continue()
        try:
            body = self.read_whole_body(MAX_AWS_REQUEST_BYTES)
        except ApiError as error:
            raise bad_request(error.text) from None
        self._is_body_read = True
        return body or b""

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = do_any

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing: the callers are this user's own processes."""

    def _forwarded(self, signature: Signature, body: bytes) -> AWSPreparedRequest:
        """Returns the request to the backends."""
        service, signed_headers = signature.service, set(signature.signed_headers)
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
        raw: Any = response.raw
        is_mapped = isinstance(raw, MappedResponse)
        content = b"" if is_mapped else response.content
        self.send_response(response.status_code)
        for name, value in response.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, str(value))
        length = response.headers.get("Content-Length", "") if self.command == "HEAD" or is_mapped else ""
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            for part in raw.stream() if is_mapped else [content]:
                self.wfile.write(part)

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
