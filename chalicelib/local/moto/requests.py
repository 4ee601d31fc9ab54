"""Patches that make moto 5.2.5 faster from a request to the handler of its service.

Measured as in `performance`, they save 15 % of a create and of a read.
"""

from __future__ import annotations

import string
import sys
from collections.abc import Callable
from functools import wraps
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from moto import backend_index
from moto.core.base_backend import BaseBackend
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, Request
from moto.moto_api._internal.moto_random import MotoRandom


def install_request_patches() -> None:
    """Patches moto in this process. Must be called only once."""
    patterns: Any = backend_index.backend_url_patterns
    patterns.sort(key=_is_of_another_service)
    backends: Any = BaseBackend
    backends.urls = property(_once_per_class(backends.urls.fget))
    requests: Any = Request
    requests.from_primitives = classmethod(_without_builder(requests.from_primitives.__func__))
    random: Any = MotoRandom
    random.get_random_string = _with_one_call(random.get_random_string)


def _is_of_another_service(pattern: tuple[str, object]) -> bool:
    """Sorts the URL patterns of DynamoDB before those of other services, which moto tries one after another."""
    return pattern[0] != "dynamodb"


def _once_per_class(original: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Builds the URLs of a service once. moto builds them from constants for every request."""
    found: dict[type, dict[str, Any]] = {}

    @wraps(original)
    def urls(backend: Any) -> dict[str, Any]:
        if type(backend) not in found:
            found[type(backend)] = original(backend)
        return found[type(backend)]

    return urls


def _without_builder(original: Callable[..., Request]) -> Callable[..., Request]:
    """Builds the WSGI environment of a request with a JSON body directly.

    moto uses werkzeug's `EnvironBuilder`, which also supports forms and files, and parses and copies the headers twice.
    """

    @wraps(original)
    def from_primitives(cls: type[Request], method: str, url: str, headers: Any, body: Any = None) -> Request:
        parts = urlsplit(url)
        if method != "POST" or "X-Amz-Target" not in headers or (parts.path, parts.query) != ("/", ""):
            return original(cls, method, url, headers, body)
        if not body or not isinstance(body, bytes):
            return original(cls, method, url, headers, body)
        return cls(_environment(parts.scheme, parts.netloc, headers, body))

    return from_primitives


def _environment(scheme: str, host: str, headers: Any, body: bytes) -> dict[str, Any]:
    """Returns the WSGI environment (PEP 3333) of a POST request for `/` with this body."""
    name, _, port = host.partition(":")
    environment: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "REQUEST_URI": "/",
        "RAW_URI": "/",
        "SERVER_NAME": name,
        "SERVER_PORT": port or ("443" if scheme == "https" else "80"),
        "HTTP_HOST": host,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        PRESERVED_HEADER_NAMES_ENVIRON_KEY: {},
    }
    sent: dict[str, str] = {}
    for key, value in headers.items():
        variable = key.upper().replace("-", "_")
        text = value.decode() if isinstance(value, bytes) else str(value)
        sent[variable] = f"{sent[variable]}, {text}" if variable in sent else text
    sent.pop("TRANSFER_ENCODING", None)
    sent.pop("CONTENT_LENGTH", None)
    if "CONTENT_TYPE" in sent:
        environment["CONTENT_TYPE"] = sent.pop("CONTENT_TYPE")
    environment["CONTENT_LENGTH"] = str(len(body))
    return environment | {f"HTTP_{variable}": text for variable, text in sent.items()}


def _with_one_call(original: Callable[..., str]) -> Callable[..., str]:
    """Chooses all characters of a random text in one call. moto chooses the 52 of a request id one by one."""

    @wraps(original)
    def get_random_string(random: Any, length: int = 20, include_digits: bool = True, lower_case: bool = False) -> str:
        pool = string.ascii_letters + (string.digits if include_digits else "")
        text = "".join(random.choices(pool, k=length))
        return text.lower() if lower_case else text

    return get_random_string
