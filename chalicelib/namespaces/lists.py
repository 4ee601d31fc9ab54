"""Lists of namespaces. An organization has few of them, so each list reads all and sorts them in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.core.json_codec import escaped_bytes, text_of
from chalicelib.listing.query import ListedResource, ListPage, ListQuery, select_page
from chalicelib.listing.sorting import SortKey
from chalicelib.listing.walks import all_rows
from chalicelib.namespaces.namespace import Namespace, searchable_texts, to_response
from chalicelib.namespaces.service import MAX_IDENTIFIER_LENGTH, Namespaces

if TYPE_CHECKING:
    from chalicelib.namespaces.models import NamespaceListStats

NEWEST_FIRST = (SortKey("created_at", descending=True),)
# A list that is sorted only by one of these fields may have any length, as in lists of buckets.
UNLIMITED_SORT_FIELDS = ("created_at", "namespace_id", "namespace_name")
LISTED_NAMESPACES: ListedResource[Namespace] = ListedResource(
    id=lambda namespace: namespace.namespace_id,
    show=to_response,
    texts=searchable_texts,
    size=lambda namespace: escaped_bytes(text_of(namespace.settings)) + 800,
)


@dataclass(slots=True)
class _Stats:
    """Adds up the statistics of the matching namespaces."""

    namespaces: int = 0
    buckets: int = 0
    objects: int = 0

    def add(self, namespace: Namespace) -> None:
        self.namespaces += 1
        self.buckets += namespace.bucket_count
        self.objects += namespace.tally.object_count

    def response(self) -> NamespaceListStats:
        divisor = self.namespaces or 1
        return {
            "total_buckets": self.buckets,
            "total_objects": self.objects,
            "avg_buckets_per_namespace": self.buckets / divisor,
            "avg_objects_per_namespace": self.objects / divisor,
        }


def list_namespaces(
    namespaces: Namespaces, organization: str, query: ListQuery
) -> tuple[ListPage[Namespace], NamespaceListStats]:
    """Returns the requested page, and statistics over all matching namespaces.

    Raises SortTooLarge if more namespaces match than can be sorted by the requested fields, and ListTooLong.
    """
    stats = _Stats()
    bounded = len(query.sorts) != 1 or query.sorts[0].field not in UNLIMITED_SORT_FIELDS
    rows = all_rows(namespaces.list(organization))

    def find(namespace_id: str) -> Namespace | None:
        is_possible = 0 < len(namespace_id) <= MAX_IDENTIFIER_LENGTH
        return namespaces.store.find(organization, namespace_id) if is_possible else None

    page = select_page(rows, query, LISTED_NAMESPACES, ordered=False, bounded=bounded, on_match=stats.add, find=find)
    return page, stats.response()
