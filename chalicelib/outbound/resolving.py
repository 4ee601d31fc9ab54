"""The addresses of a host: looked up once, and all of them checked."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Thread

from chalicelib.outbound.addresses import Address, AddressRule, parse_address
from chalicelib.outbound.deadline import Deadline
from chalicelib.outbound.errors import RequestFailed, RequestTimedOut, UrlRefused
from chalicelib.outbound.urls import CheckedUrl

# Returns the addresses of a host name, in the order of preference, in their usual notation. Raises OSError if it has
# none.
Resolver = Callable[[str], Iterable[str]]

# The same text for both errors, so that clients do not learn which names a private network has.
_NO_ADDRESS = "The host name has no address, or not only addresses on the public internet"


def system_addresses(host: str) -> list[str]:
    """Returns the addresses of a host name from the resolver of the system."""
    # As bytes, the name is looked up as it is, and Python does not load its tables for international names.
    found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def checked_addresses(url: CheckedUrl, resolve: Resolver, allowed: AddressRule, deadline: Deadline) -> list[Address]:
    """Returns the addresses to connect to. Raises UrlRefused if the rule does not allow all of them."""
    found = [url.address] if url.address is not None else _look_up(url.host, resolve, deadline)
    if not all(allowed(address) for address in found):
        raise UrlRefused("not_public", _NO_ADDRESS)
    return found


def _look_up(host: str, resolve: Resolver, deadline: Deadline) -> list[Address]:
    outcome: SimpleQueue[list[Address] | Exception] = SimpleQueue()

    def look_up() -> None:
        try:
            # The resolver lists an address once for each protocol.
            found = list(dict.fromkeys(parse_address(text) for text in resolve(host)))
            outcome.put(found or OSError("the host has no addresses"))
        except (OSError, ValueError) as error:
            outcome.put(error)

    # `getaddrinfo` has no time limit, and nothing can interrupt it. The thread does not prevent the end of the process.
    Thread(target=look_up, daemon=True).start()
    try:
        found = outcome.get(timeout=deadline.remaining())
    except Empty as error:
        raise RequestTimedOut() from error
    if isinstance(found, Exception):
        raise RequestFailed("unresolved", _NO_ADDRESS) from found
    return found
