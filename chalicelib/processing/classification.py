"""The category and the text of an exception that a hook raised."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.processing.fields import FieldsInvalid
from chalicelib.processing.hook import Permanent, Transient
from chalicelib.processing.processor import Category
from chalicelib.tasks.error_text import error_text, one_line

# The categories of exceptions by the name of their class or of a base class. Names, because hooks use HTTP libraries
# that the service does not have: these are the errors of requests, httpx, aiohttp, urllib3 and botocore, and the
# standard library's. An HTTP status is no error of the network.
_CATEGORIES: Mapping[str, Category] = {
    "Transient": "dependency",
    "Permanent": "validation",
    "HTTPError": "runtime",
    "HTTPStatusError": "runtime",
    "ConnectionError": "network",
    "TimeoutError": "network",
    "Timeout": "network",
    "TimeoutException": "network",
    "ReadTimeoutError": "network",
    "NetworkError": "network",
    "ClientConnectionError": "network",
    "URLError": "network",
    "gaierror": "network",
    "PermissionError": "authentication",
    "MemoryError": "resource",
}

# The messages of these are written for clients, and do not need the name of the class.
_WITH_MESSAGE = (Transient, Permanent, FieldsInvalid)


def category_of(error: BaseException) -> Category:
    """Returns the category of an exception: that of its class, or of the nearest base class that has one."""
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((_CATEGORIES[name] for name in names if name in _CATEGORIES), "runtime")


def category_of_name(name: str) -> Category:
    """Returns the category of an exception of which only the class name is known."""
    return _CATEGORIES.get(name, "runtime")


def failure_text(error: BaseException) -> str:
    """Returns one line that describes an exception: its message, and in most cases its type."""
    try:
        text = one_line(str(error)) if isinstance(error, _WITH_MESSAGE) else error_text(error)
    except Exception:  # the message of a foreign exception comes from foreign code
        text = ""
    return _encodable(text) or type(error).__name__


def _encodable(text: str) -> str:
    """Replaces unpaired surrogates, which neither UTF-8 nor DynamoDB accepts."""
    return text.encode("utf-8", "replace").decode("utf-8")
