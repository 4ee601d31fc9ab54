"""A client for URLs that clients of the API choose, which cannot be used to reach private networks.

docs/decisions/outbound-requests.md has the reasons.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from http.client import HTTPResponse

from chalicelib.outbound.connection import Connection, Connector, connect_to, open_connection, tls_context
from chalicelib.outbound.deadline import Deadline, Pace
from chalicelib.outbound.errors import RequestFailed
from chalicelib.outbound.messages import (
    MAX_HEADER_BYTES,
    GuardedResponse,
    headers_of,
    read_head,
    request_bytes,
)
from chalicelib.outbound.redirects import MAX_REDIRECTS, headers_for, redirect_location, redirected
from chalicelib.outbound.resolving import Resolver, checked_addresses, system_addresses
from chalicelib.outbound.streams import GuardedStream
from chalicelib.outbound.translation import translated_errors
from chalicelib.outbound.urls import CheckedUrl, address_rule, check_url

TIMEOUT_SECONDS = 10.0
MAX_RESPONSE_BYTES = 65_536
CONNECT_SECONDS = 10.0
# The limits of a stream, which may take minutes: its headers must arrive within this time, redirects included, and
# afterwards so many bytes in each period of waiting. A host that sends nothing would otherwise keep a worker busy.
HEAD_SECONDS = 30.0
PACE_BYTES, PACE_SECONDS = 65_536, 30.0


class GuardedClient:
    """Makes HTTP requests to hosts of the public internet only.

    The addresses of a host are looked up once and checked, and the connection is made to one of them. With TLS, the
    certificate must be for the name in the URL. No proxy is used. `allow_private` permits private networks, for
    development. The other arguments replace the network in tests.
    """

    def __init__(
        self,
        *,
        https_only: bool = False,
        allow_private: bool = False,
        resolve: Resolver = system_addresses,
        connect: Connector = connect_to,
        tls: Callable[[], ssl.SSLContext] = tls_context,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._https_only = https_only
        self._allow_private = allow_private
        self._resolve = resolve
        self._connect = connect
        self._new_tls_context = tls
        self._clock = clock

    @cached_property
    def _tls_context(self) -> ssl.SSLContext:
        # Loading the certificates of the authorities takes some 20 ms.
        return self._new_tls_context()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> GuardedResponse:
        """Returns the response, whatever its status.

        The time limit is for everything: the look-up of the host, redirects, and the last byte of the response. A
        redirect is followed as `redirects` says, at most three times. Raises UrlRefused, also for the URL of a
        redirect, RequestFailed, RequestTimedOut or ResponseTooLarge.
        """
        deadline = Deadline(self._clock, timeout_seconds)
        connection, response = self._final_response(method, url, headers or {}, body, deadline)
        with GuardedStream(connection, response, max_response_bytes, needs_orderly_end=False) as stream:
            return GuardedResponse(stream.status, stream.headers, b"".join(stream.chunks()))

    def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_seconds: float, max_bytes: int
    ) -> GuardedStream:
        """Returns the response to a GET, whatever its status, whose body has not been read yet.

        The caller must close it. The time limit includes reading the body, see `request`. The limits of the headers and
        of the pace are HEAD_SECONDS and PACE_SECONDS. Raises UrlRefused, RequestFailed, RequestTimedOut or
        ResponseTooLarge, also while the body is read.
        """
        deadline = Deadline(self._clock, timeout_seconds)
        connection, response = self._final_response("GET", url, headers or {}, None, deadline.at_most(HEAD_SECONDS))
        connection.reader.deadline = Pace(deadline, PACE_BYTES, PACE_SECONDS)
        return GuardedStream(connection, response, max_bytes)

    def _final_response(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, deadline: Deadline
    ) -> tuple[Connection, HTTPResponse]:
        """Follows redirects. Returns the response that is no redirect, and its connection, which must be closed."""
        current = check_url(url, https_only=self._https_only, allow_private=self._allow_private)
        sent = dict(headers)
        for _ in range(MAX_REDIRECTS + 1):
            connection, response = self._exchange(method, current, request_bytes(method, current, sent, body), deadline)
            location = redirect_location(method, response.status, headers_of(response))
            if location is None:
                return connection, response
            connection.close()
            following = self._redirected(current, location)
            sent = headers_for(following, current, sent)
            current = following
        raise RequestFailed("too_many_redirects", f"The host redirects more than {MAX_REDIRECTS} times")

    def _redirected(self, url: CheckedUrl, location: str) -> CheckedUrl:
        return redirected(url, location, https_only=self._https_only, allow_private=self._allow_private)

    def _exchange(
        self, method: str, url: CheckedUrl, data: bytes, deadline: Deadline
    ) -> tuple[Connection, HTTPResponse]:
        """Sends a request. Returns the connection and the response when its headers have arrived."""
        allowed = address_rule(allow_private=self._allow_private)
        addresses = checked_addresses(url, self._resolve, allowed, deadline)
        with translated_errors():
            connection = open_connection(
                url,
                addresses,
                deadline,
                connect=self._connect,
                tls=lambda: self._tls_context,
                budget=MAX_HEADER_BYTES,
                connect_seconds=CONNECT_SECONDS,
            )
            try:
                connection.send(data)
                return connection, read_head(connection, method)
            except BaseException:
                connection.close()
                raise
