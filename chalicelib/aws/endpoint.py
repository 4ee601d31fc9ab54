"""Resolves the endpoint of a client once.

botocore resolves it for each call, because the endpoints of some services depend on the parameters of the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.client import BaseClient


class _Resolver:
    """An endpoint resolver that passes the first call to another one, and then returns the same endpoint."""

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self._found: Any = None

    def construct_endpoint(self, *arguments: Any, **named: Any) -> Any:
        if self._found is None:
            self._found = self._resolver.construct_endpoint(*arguments, **named)
        return self._found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resolver, name)


def resolve_once(client: BaseClient) -> None:
    """Lets a client resolve its endpoint with its first call only. All its calls must have the same endpoint."""
    resolver = getattr(client, "_ruleset_resolver", None)
    if resolver is not None:  # another version of botocore may not have this attribute
        client._ruleset_resolver = _Resolver(resolver)  # type: ignore[attr-defined]
