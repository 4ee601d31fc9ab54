"""Lists of namespaces. An organization has few, so all of them are walked, and sorted on the way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.listing.query import ListedResource, ListPage, ListQuery, select_page
from chalicelib.listing.sorting import SortKey
from chalicelib.namespaces.namespace import Namespace, show, texts
from chalicelib.namespaces.service import Namespaces

if TYPE_CHECKING:
    from chalicelib.namespaces.models import NamespaceListStats

NEWEST_FIRST = (SortKey("created_at", descending=True),)
# By these a list of buckets goes on without end too; ids may be chosen, so not even age is the order of keys.
UNBOUNDED = ("created_at", "namespace_id", "namespace_name")
KIND: ListedResource[Namespace] = ListedResource(
    id=lambda namespace: namespace.namespace_id,
    show=show,
    texts=texts,
    size=lambda namespace: len(json.dumps(namespace.settings)) + 600,
)


@dataclass(slots=True)
class _Stats:
    """Sums over the namespaces that match."""

    namespaces: int = 0
    buckets: int = 0
    objects: int = 0

    def add(self, namespace: Namespace) -> None:
        self.namespaces += 1
        self.buckets += namespace.bucket_count
        self.objects += namespace.tally.object_count

    def shown(self) -> NamespaceListStats:
        over = self.namespaces or 1
        return {
            "total_buckets": self.buckets,
            "total_objects": self.objects,
            "avg_buckets_per_namespace": self.buckets / over,
            "avg_objects_per_namespace": self.objects / over,
        }


def list_namespaces(
    namespaces: Namespaces, organization: str, query: ListQuery
) -> tuple[ListPage[Namespace], NamespaceListStats]:
    """The page that a query asks for, and sums over all that match.

    Raises SortTooLarge where too many match for a sort that is not by time, id or name alone.
    """
    stats = _Stats()
    bounded = len(query.sorts) != 1 or query.sorts[0].field not in UNBOUNDED
    rows = namespaces.list(organization)
    return select_page(rows, query, KIND, ordered=False, bounded=bounded, on_match=stats.add), stats.shown()
