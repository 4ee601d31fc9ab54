"""Which redirects a request follows, and what it sends to the next URL."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urljoin

from chalicelib.outbound.errors import UrlRefused
from chalicelib.outbound.urls import CheckedUrl, check_url

MAX_REDIRECTS = 3

# Only these statuses keep method and body (https://www.rfc-editor.org/rfc/rfc9110#section-15.4).
_KEEPING = {307, 308}
_SAFE_METHODS = {"GET", "HEAD"}
_OF_SAFE_METHODS = {301, 302, 303}
# Headers that do not depend on who receives them. Others, such as a credential, are meant for one origin.
_FOR_ANY_ORIGIN = {"accept", "content-type", "user-agent"}


def redirect_location(method: str, status: int, headers: Mapping[str, str]) -> str | None:
    """Returns the URL reference that a request must follow, or None if its response is the answer.

    A 301, 302 or 303 is the answer to any method but GET and HEAD: a client would have to send a GET without the body,
    and its response would not say that anything received the body.
    """
    follows = status in _KEEPING or (status in _OF_SAFE_METHODS and method in _SAFE_METHODS)
    return headers.get("location") if follows else None


def redirected(url: CheckedUrl, location: str, *, https_only: bool, allow_private: bool) -> CheckedUrl:
    """Returns the URL to which a redirect leads. Raises UrlRefused."""
    following = check_url(_joined(url, location), https_only=https_only, allow_private=allow_private)
    if url.scheme == "https" and following.scheme == "http":
        raise UrlRefused("redirect_to_http", "The redirect leads from https to http")
    return following


def _joined(url: CheckedUrl, location: str) -> str:
    # `urljoin` removes some control characters. `check_url` rejects such a text.
    if not location.isprintable():
        return location
    try:
        return urljoin(str(url), location)
    except ValueError as error:
        raise UrlRefused("url_invalid", "The redirect does not lead to a valid URL") from error


def headers_for(following: CheckedUrl, before: CheckedUrl, headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers to send to the next URL: all, or only general ones if it is another origin."""
    same = following.origin == before.origin
    return {name: value for name, value in headers.items() if same or name.lower() in _FOR_ANY_ORIGIN}
