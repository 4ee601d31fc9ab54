"""The category and the text of any exception."""

from __future__ import annotations

import socket
import ssl
import urllib.error

import botocore.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.processing.classification import category_of, category_of_name, failure_text
from chalicelib.processing.hook import Permanent, Transient
from chalicelib.processing.processor import ERROR_TYPES, error_type

# Only those of Python itself, because the others depend on what other tests have imported.
EXCEPTIONS = [
    each
    for each in (*Exception.__subclasses__(), *OSError.__subclasses__(), BaseException, SystemExit, KeyboardInterrupt)
    if each.__module__ == "builtins"
]


class Overloaded(Transient):
    pass


class NoRoute(ConnectionError):
    pass


# As the class of requests, which is not installed.
RequestsTimeout = type("Timeout", (OSError,), {})


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (Transient("busy"), "dependency"),
        (Overloaded("busy"), "dependency"),
        (Permanent("bad"), "validation"),
        (TimeoutError(), "network"),
        (NoRoute(), "network"),
        (socket.gaierror(), "network"),
        (RequestsTimeout(), "network"),
        (urllib.error.URLError("refused"), "network"),
        (urllib.error.HTTPError("https://example.com", 404, "Not Found", None, None), "runtime"),  # type: ignore[arg-type]
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://example.com"), "network"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://example.com"), "network"),
        (PermissionError(), "authentication"),
        (MemoryError(), "resource"),
        (RecursionError(), "runtime"),
        (ssl.SSLError(), "runtime"),
        (FileNotFoundError(), "runtime"),
        (SystemExit(), "runtime"),
    ],
)
def test_the_category_follows_from_the_class(error: BaseException, category: str) -> None:
    assert category_of(error) == category


def test_every_category_has_an_error_type() -> None:
    assert [error_type(category) for category in ERROR_TYPES] == [*["transient"] * 2, *["permanent"] * 3, "resource"]


@given(st.sampled_from(EXCEPTIONS), st.text() | st.binary() | st.none())
def test_any_exception_has_a_category_and_one_short_line(kind: type[BaseException], message: object) -> None:
    try:
        error = kind(message)
    except TypeError:  # UnicodeDecodeError needs more arguments
        return
    assert category_of(error) in ERROR_TYPES
    text = failure_text(error)
    assert 1 <= len(text) <= 300
    assert len(text.splitlines()) == 1
    assert text.encode("utf-8")


@given(st.text())
def test_any_name_has_a_category(name: str) -> None:
    assert category_of_name(name) in ERROR_TYPES


def test_secrets_and_arns_are_redacted() -> None:
    error = Permanent("key sk_live_123 of arn:aws:iam::123456789012:user/me\nmore")
    assert failure_text(error) == "key sk_… of arn:…"
    assert failure_text(Transient()) == "Transient"
