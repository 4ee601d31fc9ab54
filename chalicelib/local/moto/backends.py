"""moto's backends behind one lock, so that requests of several threads are safe.

moto undoes the writes of a cancelled transaction after it has made them, so overlapping requests would undo each
other's writes. Therefore every request goes through `Backends.send`, one at a time.
"""

from __future__ import annotations

import itertools
import json
import threading
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from chalicelib.local.moto import patches
from chalicelib.local.moto.contents import MappedContent, MappedResponse, StoredContent, content_given
from chalicelib.local.moto.rows import REGION

if TYPE_CHECKING:
    from chalicelib.local.journal.contents import ContentFiles

# Nothing checks the signature of a request within the process, and it takes 9 % of a read. The presigned URLs of S3
# need one.
UNSIGNED_SERVICE = "dynamodb"
# Each `Backends` uses an AWS account of its own, so that two in one process share no data.
_accounts = itertools.count(123456789012)


class ChangeStore(Protocol):
    """Saves the changes that requests make to the disk."""

    def change_of(self, request: AWSPreparedRequest) -> object | None:
        """Returns what has to be saved if this request succeeds, or None if the request changes nothing."""

    def save(self, change: object) -> None:
        """Saves a change that has been made in memory. If it cannot, undoes the change and raises OSError."""


class ChangeStores:
    """Combines several change stores: the first that recognizes a request saves its change."""

    def __init__(self, *stores: ChangeStore) -> None:
        self._stores = stores

    def change_of(self, request: AWSPreparedRequest) -> tuple[ChangeStore, object] | None:
        """Returns the change and the store that saves it, or None if no store recognizes the request."""
        for store in self._stores:
            if (change := store.change_of(request)) is not None:
                return store, change
        return None

    def save(self, change: object) -> None:
        """Saves a change that `change_of` returned. Raises OSError when the change has been undone."""
        assert isinstance(change, tuple)
        store, own_change = change
        store.save(own_change)


class Backends:
    """Processes the requests of every client that is attached to it."""

    def __init__(self) -> None:
        patches.install()
        self._stubber = BotocoreStubber()
        self._stubber.enabled = True
        self.lock = threading.RLock()
        self.account = f"{next(_accounts):012d}"
        self.change_store: ChangeStore | None = None
        # Where large contents are received; None if every content is kept in memory.
        self.contents: ContentFiles | None = None
        # Set after every saved change. The thread that waits for it clears it.
        self.new_writes = threading.Event()

    def attach(self, client: BaseClient) -> None:
        """Redirects all further requests of this client to these backends. None of them uses the network."""
        service = client.meta.service_model.service_name

        def respond(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
            return self.send(addressed_to_aws(request, service))

        client.meta.events.register_first("before-send.*", respond)  # type: ignore[arg-type]
        if service == UNSIGNED_SERVICE:
            client.meta.events.register_first(f"choose-signer.{service}", lambda **_: UNSIGNED)

    def send(self, request: AWSPreparedRequest, content: StoredContent | None = None) -> AWSResponse:
        """Returns the response to a signed request. A change has been saved when this returns.

        `content` is what PutObject stores, if it is not the body of the request.
        """
        with self.lock:
            change = self.change_of(request)
            response = self.perform(request, content)
            if response.status_code < 300:
                try:
                    self.save(change)
                except OSError as error:
                    return _not_saved_response(request, error)
            return response

    def change_of(self, request: AWSPreparedRequest) -> object | None:
        """Returns what has to be saved if this request succeeds, or None. The caller must hold the lock."""
        return self.change_store.change_of(request) if self.change_store is not None else None

    def save(self, change: object | None) -> None:
        """Saves a change that has been made in memory. If it cannot, undoes the change and raises OSError."""
        if change is not None and self.change_store is not None:
            self.change_store.save(change)
            self.new_writes.set()

    def perform(self, request: AWSPreparedRequest, content: StoredContent | None = None) -> AWSResponse:
        """Returns the response without saving the change. The caller must hold the lock."""
        request.headers["x-moto-account-id"] = self.account
        with content_given(content):
            response = self._stubber.process_request(request)
        if response is None:
            raise RuntimeError(f"the embedded engine does not support {request.url}")
        status, headers, body = response
        raw: Any = MappedResponse(body) if isinstance(body, MappedContent) else MockRawResponse(body)
        return AWSResponse(request.url, status, headers, raw)  # type: ignore[arg-type]


def addressed_to_aws(request: AWSPreparedRequest, service: str) -> AWSPreparedRequest:
    """Returns the request with the address of AWS itself, whatever endpoint its client uses."""
    url = urlsplit(request.url)
    if (url.hostname or "").endswith(".amazonaws.com"):
        return request
    host = f"{service}.{REGION}.amazonaws.com"
    aws_url = url._replace(scheme="https", netloc=host).geturl()
    return AWSPreparedRequest(request.method, aws_url, request.headers, request.body, request.stream_output)


def not_saved(error: OSError) -> dict[str, str]:
    """Returns the code and the message of DynamoDB's error for a write that could not be saved. Clients retry it."""
    return {"Code": "InternalServerError", "Message": f"The write could not be saved and was undone: {error}"}


def _not_saved_response(request: AWSPreparedRequest, error: OSError) -> AWSResponse:
    """Returns an error that clients retry, in DynamoDB's JSON or in S3's XML."""
    code, message = not_saved(error).values()
    if "X-Amz-Target" not in request.headers:
        content = f"<Error><Code>InternalError</Code><Message>{escape(message)}</Message></Error>"
        return AWSResponse(request.url, 500, {"Content-Type": "application/xml"}, MockRawResponse(content))  # type: ignore[arg-type]
    headers = {"Content-Type": "application/x-amz-json-1.0"}
    body = json.dumps({"__type": code, "message": message})
    return AWSResponse(request.url, 500, headers, MockRawResponse(body))  # type: ignore[arg-type]
