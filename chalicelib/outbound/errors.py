"""Why a request to a URL of a client was not made, or has no usable response.

Clients may see the texts: they contain no addresses, and no text of the other side. They are not `ApiError`s, because
such a request is usually made after the response to the client, in the background.
"""

from __future__ import annotations


class OutboundError(Exception):
    """A request to a URL of a client failed. `reason` is a stable name, `text` a sentence for the client."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        self.text = text
        super().__init__(text)


class UrlRefused(OutboundError):
    """The service makes no request to this URL. Another attempt makes sense only if the host gets other addresses."""


class RequestFailed(OutboundError):
    """The host is unknown, cannot be reached, has no valid certificate, or does not respond with valid HTTP."""


class RequestTimedOut(OutboundError):
    """The time limit ended before the whole response had arrived. The other side may have processed the request."""

    def __init__(self) -> None:
        super().__init__("timed_out", "The host did not respond in time")


class ResponseTooLarge(OutboundError):
    """The response has more bytes than allowed. `status` is its status, or None if its headers are too large."""

    def __init__(self, status: int | None = None) -> None:
        self.status = status
        super().__init__("response_too_large", "The response of the host is too large")
