"""moto's backends behind one lock: AWS in this process, safe for requests in parallel.

moto undoes the writes of a cancelled transaction afterwards, so calls that overlap would undo each
other's. Every call to the backends therefore goes through `Backends.send`, one at a time.
"""

from __future__ import annotations

import itertools
import json
import threading
from typing import Any, Protocol
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from chalicelib.local.moto import patches
from chalicelib.local.moto.rows import REGION

# Each `Backends` has an AWS account of its own, so that two in one process share nothing.
_accounts = itertools.count(123456789012)


class ChangeStore(Protocol):
    """Makes the changes that requests bring about durable."""

    def change(self, request: AWSPreparedRequest) -> object | None:
        """What has to be kept of this request once it has succeeded; None when it changes nothing."""

    def keep(self, change: object) -> None:
        """Keeps a change that has been made. When this raises OSError, the change has been undone."""


class ChangeStores:
    """Several keepers as one: each change is kept by the first that knows its request."""

    def __init__(self, *keepers: ChangeStore) -> None:
        self._keepers = keepers

    def change(self, request: AWSPreparedRequest) -> tuple[ChangeStore, object] | None:
        """The change, and who keeps it."""
        for change_store in self._keepers:
            if (change := change_store.change(request)) is not None:
                return change_store, change
        return None

    def keep(self, change: object) -> None:
        """Keeps a change. Raises OSError when it has been undone."""
        assert isinstance(change, tuple)
        change_store, own = change
        change_store.keep(own)


class Backends:
    """Answers the calls of every client attached to it."""

    def __init__(self) -> None:
        patches.install()
        self._stubber = BotocoreStubber()
        self._stubber.enabled = True
        self.lock = threading.RLock()
        self.account = f"{next(_accounts):012d}"
        self.change_store: ChangeStore | None = None
        # Set with every change that is kept; whoever waits for it clears it.
        self.news = threading.Event()

    def attach(self, client: BaseClient) -> None:
        """From now on this client's calls are answered here and never reach a network."""
        service = client.meta.service_model.service_name

        def answered(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
            return self.send(addressed_to_aws(request, service))

        client.meta.events.register_first("before-send.*", answered)  # type: ignore[arg-type]

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """The backends' answer to one signed request, given once its changes are kept."""
        with self.lock:
            if self.change_store is None:
                return self.perform(request)
            change = self.change_store.change(request)
            response = self.perform(request)
            if change is None or response.status_code >= 300:
                return response
            try:
                self.change_store.keep(change)
            except OSError as error:
                return _not_kept(request, error)
            self.news.set()
            return response

    def perform(self, request: AWSPreparedRequest) -> AWSResponse:
        """The backends' answer, with nothing kept. Only for a caller that holds the lock."""
        request.headers["x-moto-account-id"] = self.account
        response = self._stubber("before-send", request)
        if response is None:
            raise RuntimeError(f"the embedded engine does not know {request.url}")
        return response


def addressed_to_aws(request: AWSPreparedRequest, service: str) -> AWSPreparedRequest:
    """The request as one to AWS itself, whatever address its client calls."""
    url = urlsplit(request.url)
    if (url.hostname or "").endswith(".amazonaws.com"):
        return request
    host = f"{service}.{REGION}.amazonaws.com"
    home = url._replace(scheme="https", netloc=host).geturl()
    return AWSPreparedRequest(request.method, home, request.headers, request.body, request.stream_output)


def _not_kept(request: AWSPreparedRequest, error: OSError) -> AWSResponse:
    body = {
        "__type": "InternalServerError",
        "message": f"The write could not be kept and was undone: {error}",
    }
    headers = {"Content-Type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, 500, headers, MockRawResponse(json.dumps(body)))  # type: ignore[arg-type]
