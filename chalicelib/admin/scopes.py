"""Checks that the scopes of a new key give it access to something: an id with a typing error is not an error later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import click

from chalicelib.access.models import PERMISSIONS, ResourceScope
from chalicelib.buckets.errors import BucketNotFound
from chalicelib.core.ids import ALPHABET, TIMED_CHARS, is_id
from chalicelib.core.text import matches_wildcard
from chalicelib.keys import partition
from chalicelib.services import Services

MAX_SUGGESTIONS = 5
# The characters that each position of a bucket id can have.
_BUCKET_ID = (*"bkt_", *([ALPHABET] * TIMED_CHARS))


def check_scopes(services: Services, organization: str, scopes: Iterable[ResourceScope]) -> list[str]:
    """Returns a warning for each pattern that matches no namespace yet.

    Raises click.BadParameter for a scope that names no existing namespace or bucket, or a pattern that no id matches.
    """
    warnings: list[str] = []
    for scope in scopes:
        if scope.resource_type == "organization":
            _check_organization(organization, scope.resource_id)
        elif scope.resource_type == "bucket":
            _check_bucket(services, organization, scope.resource_id)
        else:
            warnings += _check_namespace(services, organization, scope.resource_id)
    return warnings


def may_match_bucket_id(pattern: str) -> bool:
    """Returns whether any bucket id matches a pattern in which `*` matches any number of characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return is_id(pattern, "bkt")
    *middle, last = rest
    position, end = len(first), len(_BUCKET_ID) - len(last)
    if not _fits(first, 0) or not _fits(last, end):
        return False
    for piece in middle:
        found = next((start for start in range(position, end) if _fits(piece, start)), None) if piece else position
        if found is None:
            return False
        position = found + len(piece)
    return position <= end


def _fits(piece: str, start: int) -> bool:
    """Whether a bucket id can have these characters at this position."""
    if not 0 <= start <= len(_BUCKET_ID) - len(piece):
        return False
    return all(character in allowed for character, allowed in zip(piece, _BUCKET_ID[start:], strict=False))


def _check_organization(organization: str, pattern: str) -> None:
    if not matches_wildcard(organization, pattern):
        raise _invalid(f"an organization scope has the id of the key's organization, or *; {pattern!r} is neither")


def _check_namespace(services: Services, organization: str, identifier: str) -> Iterator[str]:
    """Yields a warning for a pattern that matches no namespace yet. Raises click.BadParameter for an unknown one."""
    if "*" in identifier:
        namespaces = services.namespaces.list(organization)
        is_known = any(
            matches_wildcard(text, identifier) for each in namespaces for text in (each.namespace_id, each.name)
        )
        if not is_known and identifier != "*":
            yield f"no namespace matches {identifier!r} yet"
    elif services.namespaces.find(organization, identifier, include_expired=True) is None:
        _, colon, last = identifier.rpartition(":")
        hint = f"; if {last!r} is a list of operations, they are {', '.join(PERMISSIONS)}" if colon else ""
        raise _invalid(f"the organization has no namespace with the id or name {identifier!r}{hint}")


def _check_bucket(services: Services, organization: str, identifier: str) -> None:
    if not may_match_bucket_id(identifier):
        named = "".join(islice(_suggestions(services, organization, identifier), MAX_SUGGESTIONS))
        raise _invalid(f"a bucket scope has a bucket id (bkt_ and {TIMED_CHARS} characters), not a name{named}")
    if "*" not in identifier and not any(_buckets(services, organization, identifier)):
        raise _invalid(f"the organization has no bucket with the id {identifier!r}")


def _suggestions(services: Services, organization: str, name: str) -> Iterator[str]:
    for namespace, bucket_id in _buckets(services, organization, name):
        yield f"; the bucket {name!r} in the namespace {namespace!r} has the id {bucket_id}"


def _buckets(services: Services, organization: str, identifier: str) -> Iterator[tuple[str, str]]:
    """Yields the name of each namespace that has a bucket with this id or name, and the id of the bucket."""
    for namespace in services.namespaces.list(organization):
        try:
            bucket = services.buckets.get(partition(organization, namespace.namespace_id), identifier)
        except BucketNotFound:
            continue
        yield namespace.name, bucket.bucket_id


def _invalid(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="'--scope'")
