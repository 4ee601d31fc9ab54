"""The compared implementations: this API, bare boto3 handlers, and the same operations in other frameworks."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

Handler = Callable[[Any, Any], Any]
OURS, BARE, PEERS = "ours", "bare", ("powertools", "fastapi")


def handler(side: str, name: str) -> Handler:
    """Returns the function of this side for an operation. Its import is part of the cold start."""
    if side == OURS:
        import app

        return app.app
    if side == BARE:
        from bench import bare

        found: Handler = getattr(bare, name)
        return found
    peer: Handler = import_module(f"bench.peers.with_{side}").handler
    return peer
