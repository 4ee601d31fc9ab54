"""The AWS endpoint: other processes call the engine's AWS services here, with any AWS client.

    client = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:8001", ...)

It listens on the loopback interface only and accepts every signature, because all data belongs to the user who runs
the engine. The credential scope of the signature names the service. Region and account are always the engine's.
"""

from __future__ import annotations

import json
import re
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO, cast
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib.core.errors import ApiError
from chalicelib.local.journal.folder import LOOPBACK
from chalicelib.local.moto.backends import Backends
from chalicelib.local.moto.rows import REGION
from chalicelib.local.server.http_body import read_body

MAX_AWS_REQUEST_BYTES = 100_000_000

_SCOPE = re.compile(r"Credential=[^/,\s]+/\d+/[a-z0-9-]+/([a-z0-9-]+)/aws4_request")
_LOCAL_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?$")


class AwsEndpoint:
    """An HTTP server with threads of its own that passes requests to the backends."""

    def __init__(self, backends: Backends, port: int) -> None:
        """Starts the server. Raises OSError when the port is in use."""
        self._server = _Server((LOOPBACK, port), partial(_Handler, backends))
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="aws-endpoint", daemon=True).start()

    def close(self) -> None:
        """Stops the server."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "buckets-door"  # other versions of the engine look for this name
    # Sends headers and body together. Otherwise the body waits for the acknowledgement of the headers.
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, backends: Backends, *arguments: Any) -> None:
        self._backends = backends
        super().__init__(*arguments)

    def do_any(self) -> None:
        """Passes one request to the backends."""
        try:
            body = read_body(self.headers, cast(BinaryIO, self.rfile), MAX_AWS_REQUEST_BYTES)
        except ApiError as error:
            self.close_connection = True
            return self._send_error(400, "SerializationException", error.text)
        if not _LOCAL_HOST.match(self.headers.get("Host", "")):
            # DNS rebinding: a web page of another site whose host name resolves to this machine.
            return self._send_error(403, "AccessDeniedException", "Only this machine may use this endpoint")
        service = service_of(self.headers.get("Authorization", ""), self.path)
        if service is None:
            message = "Sign the request; any credentials are accepted"
            return self._send_error(403, "MissingAuthenticationTokenException", message)
        return self._send_response(self._backends.send(self._forwarded(service, body)))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = do_any

    def handle_expect_100(self) -> bool:
        """Sends the response 100 Continue at once."""
        result = super().handle_expect_100()
        self.wfile.flush()
        return result

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing: the callers are this user's own processes."""

    def _forwarded(self, service: str, body: bytes | None) -> AWSPreparedRequest:
        headers = HTTPHeaders()
        for name, value in self.headers.items():
            headers[name] = value
        host = f"{service}.{REGION}.amazonaws.com"
        del headers["Host"], headers["Transfer-Encoding"]
        headers["Host"] = host
        return AWSPreparedRequest(str(self.command), f"https://{host}{self.path}", headers, body or b"", False)

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

    def _send_error(self, status: int, error_type: str, message: str) -> None:
        content = json.dumps({"__type": error_type, "message": message}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def service_of(authorization: str, path: str) -> str | None:
    """Returns the service that a request was signed for, in its header or in a presigned URL, or None."""
    presigned = parse_qs(urlsplit(path).query).get("X-Amz-Credential", [""])[0]
    scope = _SCOPE.search(authorization) or _SCOPE.match(f"Credential={presigned}/".rstrip("/"))
    return scope[1] if scope else None
