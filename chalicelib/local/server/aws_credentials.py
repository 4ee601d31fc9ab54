"""Checks that `chalice local` can call AWS, before it accepts requests that would all fail."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import botocore.session
import chalice.local
from botocore.exceptions import BotoCoreError
from chalice.local import LocalDevServer

MISSING = (
    "Cannot start: BUCKETS_ENGINE is not `embedded`, so the service calls AWS, but finds no credentials: {problem}. "
    "Run `make run` or set BUCKETS_ENGINE=embedded to use the engine in this process, or configure AWS credentials"
)


def require_credentials() -> None:
    """Makes `chalice local` end with one line and exit code 1 if there are no AWS credentials."""
    module: Any = chalice.local
    module.LocalDevServer = _CheckedServer


class _CheckedServer(LocalDevServer):
    def __init__(self, *arguments: Any, **more: Any) -> None:
        if problem := credential_problem():
            _exit(MISSING.format(problem=problem))
        super().__init__(*arguments, **more)


def credential_problem() -> str | None:
    """Returns why botocore finds no credentials, or None if it finds some."""
    try:
        found = botocore.session.Session().get_credentials()
    except BotoCoreError as error:
        return str(error)
    return None if found is not None else "Unable to locate credentials"


def _exit(message: str) -> None:
    """Ends the process. Chalice builds the server in a thread, where `sys.exit` ends only the thread."""
    print(message, file=sys.stderr, flush=True)
    if threading.current_thread() is threading.main_thread():
        sys.exit(1)
    sys.stdout.flush()
    os._exit(1)
