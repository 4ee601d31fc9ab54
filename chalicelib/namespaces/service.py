"""What may be done with namespaces, and how a request finds its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict, revise
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.core.cache import Cache
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.ids import Ids
from chalicelib.http.preconditions import ANY, Preconditions
from chalicelib.namespaces.errors import NamespaceNotActive, NamespaceNotFound, NamespaceStale, NamespaceUnresolved
from chalicelib.namespaces.namespace import Namespace, to_item
from chalicelib.namespaces.store import NamespaceStore

if TYPE_CHECKING:
    from chalicelib.namespaces.models import CreateNamespaceRequest, UpdateNamespaceRequest

MAX_IDENTIFIER_LENGTH = 128
READ_BATCH_SIZE = 50


@dataclass(frozen=True, slots=True)
class ResolvedNamespace:
    """A namespace that a request has found: its id, its name, when its time is over, whether it is being deleted."""

    namespace_id: str
    name: str
    expires_at: str | None
    is_being_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The namespaces of every organization; a call never leaves the organization it names."""

    store: NamespaceStore
    ids: Ids
    clock: Clock
    places: Cache[tuple[str, str], ResolvedNamespace]
    pause: Callable[[float], None] = field(default=time.sleep)

    def find(self, organization: str, identifier: str, *, include_expired: bool = False) -> ResolvedNamespace | None:
        """The namespace that a request names, from memory for at most a minute.

        None where there is none, or its time is over and `include_expired` is not said.
        """
        place = self.places.find((organization, identifier), self._look_up)
        if place is None or include_expired or place.expires_at is None:
            return place
        return place if place.expires_at > format_timestamp(self.clock()) else None

    def resolve(self, organization: str, identifier: str, *, include_expired: bool = False) -> ResolvedNamespace:
        """The same as `find`. Raises NamespaceUnresolved where that finds none."""
        place = self.find(organization, identifier, include_expired=include_expired)
        if place is None:
            raise NamespaceUnresolved(identifier)
        return place

    def create(self, organization: str, new: CreateNamespaceRequest) -> Namespace:
        """A new namespace. Raises NotEnabled, NamespaceNameTaken, NamespaceIdTaken, RequestInvalid."""
        from chalicelib.namespaces.update import new_namespace

        now = self.clock()
        namespace_id = new.namespace_id or self.ids.timed("ns")
        namespace = new_namespace(new, namespace_id, now)
        # What is still to be heard of a namespace that had this id must not be counted in this one.
        epoch = int(1000 * now.timestamp()) if new.namespace_id else 0
        self.store.add(organization, namespace, epoch=epoch)
        return namespace

    def get(self, organization: str, identifier: str) -> Namespace:
        """The namespace of this id or name, with its totals. Raises NamespaceNotFound."""
        return self.store.with_totals(organization, [self._get(organization, identifier)])[0]

    def change(
        self,
        organization: str,
        identifier: str,
        change: UpdateNamespaceRequest,
        *,
        preconditions: Preconditions = ANY,
    ) -> Namespace:
        """The namespace after a change; only keys that the request holds change anything.

        Raises NamespaceNotFound, NamespaceStale (a precondition fails), NotEnabled, NamespaceNameTaken,
        RequestInvalid.
        """
        from chalicelib.namespaces.update import changed

        def read() -> Namespace:
            old = self._get(organization, identifier)
            if not preconditions.holds(old.etag, counted=True):
                raise NamespaceStale(self.store.with_totals(organization, [old])[0].etag)
            if old.deletion_task is not None:
                raise NamespaceNotActive()
            return old

        def write(old: Namespace, new: Namespace) -> Namespace:
            new = replace(new, revision=old.revision + 1, updated_at=format_timestamp(self.clock()))
            self.store.replace(organization, old, new)
            self.places.clear()
            return new

        new = revise(read, lambda old: changed(old, change, self.clock()), write, self.pause, stored=to_item)
        return self.store.with_totals(organization, [new])[0]

    def begin_deletion(
        self,
        organization: str,
        identifier: str,
        started: Callable[[Namespace], tuple[str, Step]],
        goes_on: Callable[[str], bool],
    ) -> Namespace:
        """The namespace, from now on closed to writes and with its name free; as it is where it was so before.

        `started` gives the task that removes it, and the step by which that begins; also where it was closed
        before by a task of which `goes_on` says no. Raises NamespaceNotFound.
        """

        def attempt() -> Namespace:
            old = self._get(organization, identifier)
            if old.deletion_task is not None and goes_on(old.deletion_task):
                return old
            task_id, step = started(old)
            now = format_timestamp(self.clock())
            closed = replace(old, deletion_task=task_id, revision=old.revision + 1, updated_at=now)
            self.store.close(organization, old, closed, step)
            return closed

        closed = retry_on_conflict(attempt, self.pause)
        self.places.clear()
        return closed

    def is_deleted_by(self, organization: str, namespace_id: str, task_id: str) -> bool:
        """Whether there is such a namespace and this task deletes it: another may have come by the same id."""
        return self.store.deletion_task(organization, namespace_id) == task_id

    def finish_deletion(self, organization: str, namespace_id: str, task_id: str) -> None:
        """Removes a namespace that this task deletes and that has no buckets; gone is well too."""
        self.store.remove(organization, namespace_id, task_id)
        self.places.clear()

    def list(self, organization: str) -> Iterator[Namespace]:
        """All namespaces of the organization in the order of their ids, with their totals; read lazily."""
        rows = self.store.walk(organization)
        while chunk := list(islice(rows, READ_BATCH_SIZE)):
            yield from self.store.with_totals(organization, chunk)

    def _look_up(self, wanted: tuple[str, str]) -> ResolvedNamespace | None:
        found = self._find(*wanted)
        if found is None:
            return None
        return ResolvedNamespace(
            found.namespace_id, found.name, found.expires_at, is_being_deleted=found.deletion_task is not None
        )

    def _get(self, organization: str, identifier: str) -> Namespace:
        found = self._find(organization, identifier)
        if found is None:
            raise NamespaceNotFound(identifier)
        return found

    def _find(self, organization: str, identifier: str) -> Namespace | None:
        if not 0 < len(identifier) <= MAX_IDENTIFIER_LENGTH:
            return None
        return self.store.find(organization, identifier)
