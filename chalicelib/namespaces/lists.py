"""Lists of namespaces. An organization has few, so they are always walked and sorted in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib.foundation.listing import Kind, ListQuery, Selected, select
from chalicelib.foundation.sorting import SortKey
from chalicelib.namespaces.namespace import Namespace, show, texts
from chalicelib.namespaces.service import Namespaces

if TYPE_CHECKING:
    from chalicelib.namespaces.models import NamespaceListStats

NEWEST_FIRST = (SortKey("created_at", descending=True),)
KIND: Kind[Namespace] = Kind(
    id=lambda namespace: namespace.namespace_id,
    show=show,
    texts=texts,
    size=lambda namespace: len(json.dumps(namespace.settings)) + 600,
)


def list_namespaces(
    namespaces: Namespaces, organization: str, query: ListQuery
) -> tuple[Selected[Namespace], NamespaceListStats]:
    """The page that a query asks for, and sums over all that match."""
    matched: list[Namespace] = []
    rows = namespaces.list(organization)
    selected = select(rows, query, KIND, ordered=False, seen=matched.append)
    return selected, _stats(matched)


def _stats(matched: list[Namespace]) -> NamespaceListStats:
    buckets = sum(namespace.bucket_count for namespace in matched)
    objects = sum(namespace.tally.object_count for namespace in matched)
    over = len(matched) or 1
    return {
        "total_buckets": buckets,
        "total_objects": objects,
        "avg_buckets_per_namespace": buckets / over,
        "avg_objects_per_namespace": objects / over,
    }
