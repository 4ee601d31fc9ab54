"""Translates the errors of sockets, of TLS and of http.client.

It is separate from `errors`, because checking a URL must not import TLS.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from chalicelib.outbound.errors import RequestFailed, RequestTimedOut


@contextmanager
def translated_errors() -> Iterator[None]:
    """Replaces the errors of sockets, of TLS and of http.client by those of this package."""
    try:
        yield
    except TimeoutError as error:
        raise RequestTimedOut() from error
    except ssl.SSLCertVerificationError as error:
        raise RequestFailed("certificate", "The host has no valid certificate for its name") from error
    except ssl.SSLError as error:
        raise RequestFailed("tls", "No TLS connection with the host could be made") from error
    except OSError as error:
        raise RequestFailed("unreachable", "The host cannot be reached, or closed the connection") from error
    except (HTTPException, ValueError) as error:
        # http.client raises ValueError for some invalid lengths.
        text = "The response of the host is not valid HTTP/1.1, or was cut off"
        raise RequestFailed("invalid_response", text) from error
