"""Creates, reads, updates and lists namespaces, starts their deletion, and resolves the namespace of a request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import field, replace
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.optimistic_lock import retry_on_conflict, revise
from chalicelib.aws.dynamodb.writes import Step
from chalicelib.core.cache import Cache
from chalicelib.core.clock import Clock, format_timestamp
from chalicelib.core.ids import Ids
from chalicelib.core.record import record
from chalicelib.http.preconditions import ANY, Preconditions
from chalicelib.namespaces.errors import NamespaceNotActive, NamespaceNotFound, NamespaceStale, NamespaceUnresolved
from chalicelib.namespaces.namespace import Namespace, to_item
from chalicelib.namespaces.store import NamespaceStore

if TYPE_CHECKING:
    from chalicelib.namespaces.models import CreateNamespaceRequest, UpdateNamespaceRequest

MAX_IDENTIFIER_LENGTH = 128
READ_BATCH_SIZE = 50


@record
class ResolvedNamespace:
    """The part of a namespace that each request needs. It is cached."""

    namespace_id: str
    name: str
    expires_at: str | None
    is_being_deleted: bool = False


ABSENT = ResolvedNamespace("", "", None)


@record
class Namespaces:
    """The namespaces of all organizations. Each call is limited to one organization.

    `resolved` caches the result of `find` by organization and identifier, and `resolved_by_key` a result of `find_for`
    by organization, API key and identifier; it has ABSENT for namespaces that do not exist. `pause` waits for a number
    of seconds between attempts of a write that conflicts with another one.
    """

    store: NamespaceStore
    ids: Ids
    clock: Clock
    resolved: Cache[tuple[str, str], ResolvedNamespace]
    resolved_by_key: Cache[tuple[str, str, str], ResolvedNamespace]
    pause: Callable[[float], None] = field(default=time.sleep)

    def find(self, organization: str, identifier: str, *, include_expired: bool = False) -> ResolvedNamespace | None:
        """Returns the namespace with this id or name; the result may come from the cache.

        Returns None if it does not exist, or if it has expired and `include_expired` is false.
        """
        found = self.resolved.find((organization, identifier), self._look_up)
        return found if include_expired or found is None or self._is_current(found) else None

    def find_for(
        self,
        organization: str,
        identifier: str,
        can_see: Callable[[tuple[str, ...]], bool],
        *,
        bucket_key: str = "",
        include_expired: bool = False,
    ) -> ResolvedNamespace | None:
        """Returns the same as `find`, for a caller who can see only some of the namespaces.

        Returns None for a namespace that the caller cannot see, after the same calls as for one that does not exist:
        the response time must not show which of them exist. `can_see` gets the id and the name of a namespace.

        `bucket_key` is the id of an API key that may see the bucket in the request, but not the namespace. It gets the
        namespace, because only the namespace says whether the bucket is in it. The result is cached for this key,
        also if the namespace does not exist: otherwise only the second request for an existing one would be fast.
        """

        def is_visible(namespace: ResolvedNamespace) -> bool:
            return can_see((namespace.namespace_id, namespace.name))

        def look_up(_: object) -> ResolvedNamespace:
            return self._look_up_in_equal_time(organization, identifier)

        def look_up_visible(key: object) -> ResolvedNamespace | None:
            namespace = look_up(key)
            return namespace if namespace is not ABSENT and is_visible(namespace) else None

        key = (organization, identifier)
        found = self.resolved.get(key)
        if found is None or not is_visible(found):
            if bucket_key:
                found = self.resolved_by_key.find((organization, bucket_key, identifier), look_up)
            elif found is None:
                found = self.resolved.find(key, look_up_visible)
            else:  # hidden, but not looked up with the same calls
                found = look_up_visible(key)
        if found is None or found is ABSENT:
            return None
        return found if include_expired or self._is_current(found) else None

    def resolve(self, organization: str, identifier: str, *, include_expired: bool = False) -> ResolvedNamespace:
        """Returns the same as `find`. Raises NamespaceUnresolved instead of returning None."""
        found = self.find(organization, identifier, include_expired=include_expired)
        if found is None:
            raise NamespaceUnresolved(identifier)
        return found

    def create(self, organization: str, new: CreateNamespaceRequest) -> Namespace:
        """Creates a namespace. Raises NotEnabled, NamespaceNameTaken, NamespaceIdTaken, RequestInvalid."""
        from chalicelib.namespaces.update import new_namespace

        now = self.clock()
        namespace_id = new.namespace_id or self.ids.timed("ns")
        namespace = new_namespace(new, namespace_id, now)
        # A deleted namespace may have had the same id. Stream records of its objects may still be pending. They belong
        # to an earlier epoch, so they are not counted in the new namespace.
        epoch = int(1000 * now.timestamp()) if new.namespace_id else 0
        self.store.add(organization, namespace, int(now.timestamp()), epoch=epoch)
        self.resolved_by_key.clear()
        return namespace

    def get(self, organization: str, identifier: str, *, cached_id: str = "") -> Namespace:
        """Returns the namespace with this id or name, including its totals. Raises NamespaceNotFound.

        `cached_id` is the id that `find` returned for the identifier. It saves a read, and the result is the namespace
        with this id only if it still has the identifier.
        """
        return self.store.with_totals(organization, [self._get(organization, identifier, cached_id)])[0]

    def change(
        self,
        organization: str,
        identifier: str,
        change: UpdateNamespaceRequest,
        *,
        cached_id: str = "",
        preconditions: Preconditions = ANY,
    ) -> Namespace:
        """Changes the fields that the request contains, and returns the changed namespace. `cached_id` is as in `get`.

        Raises NamespaceNotFound, NamespaceStale if a precondition fails, NamespaceNotActive, NotEnabled,
        NamespaceNameTaken, RequestInvalid.
        """
        from chalicelib.namespaces.update import updated_namespace

        def read() -> Namespace:
            old = self._get_if(preconditions, organization, identifier, cached_id)
            if old.deletion_task is not None:
                raise NamespaceNotActive()
            return old

        def write(old: Namespace, new: Namespace) -> Namespace:
            now = self.clock()
            new = replace(new, revision=old.revision + 1, updated_at=format_timestamp(now))
            self.store.replace(organization, old, new, int(now.timestamp()))
            self._forget()
            return new

        new = revise(read, lambda old: updated_namespace(old, change, self.clock()), write, self.pause, stored=to_item)
        return self.store.with_totals(organization, [new])[0]

    def begin_deletion(
        self,
        organization: str,
        identifier: str,
        new_task: Callable[[Namespace], tuple[str, Step]],
        ensure_running: Callable[[str], bool],
        *,
        cached_id: str = "",
        preconditions: Preconditions = ANY,
    ) -> Namespace:
        """Marks a namespace as being deleted: it rejects writes, and its name can be used by another namespace.

        `new_task` returns the id of the task that deletes the namespace, and the write that stores the task. It is
        called again if a batch was submitted in the meantime. If a task
        deletes the namespace already and `ensure_running` returns true for its id, the namespace is returned unchanged;
        if it returns false, a new task replaces that task. `cached_id` is as in `get`. Raises NamespaceNotFound, and
        NamespaceStale if a precondition fails.
        """

        def attempt() -> Namespace:
            old = self._get_if(preconditions, organization, identifier, cached_id)
            if old.deletion_task is not None and ensure_running(old.deletion_task):
                return old
            submissions = self.store.submissions(organization, old.namespace_id)
            task_id, step = new_task(old)
            now = format_timestamp(self.clock())
            closed = replace(old, deletion_task=task_id, revision=old.revision + 1, updated_at=now)
            self.store.close(organization, old, closed, step, submissions=submissions)
            return closed

        closed = retry_on_conflict(attempt, self.pause)
        self._forget()
        return closed

    def is_deleted_by(self, organization: str, namespace_id: str, task_id: str) -> bool:
        """Returns whether this task deletes the namespace. A later namespace may have the same id, and another task."""
        return self.store.deletion_task(organization, namespace_id) == task_id

    def finish_deletion(self, organization: str, namespace_id: str, task_id: str) -> None:
        """Removes a namespace that has no buckets, if this task deletes it. Its id stays reserved. May be repeated."""
        self.store.remove(organization, namespace_id, task_id, int(self.clock().timestamp()))
        self._forget()

    def list(self, organization: str) -> Iterator[Namespace]:
        """Yields all namespaces of the organization with their totals, ordered by id. Rows are read as needed.

        Raises DeadlineExceeded if they are not read and evaluated within the time limit of the request.
        """
        return self.store.until_deadline(self._list(organization))

    def _list(self, organization: str) -> Iterator[Namespace]:
        rows = self.store.walk(organization)
        while chunk := list(islice(rows, READ_BATCH_SIZE)):
            yield from self.store.with_totals(organization, chunk)
            self.store.raise_if_expired()

    def _is_current(self, namespace: ResolvedNamespace) -> bool:
        """Returns whether the namespace has not expired."""
        return namespace.expires_at is None or namespace.expires_at > format_timestamp(self.clock())

    def _forget(self) -> None:
        self.resolved.clear()
        self.resolved_by_key.clear()

    def _look_up(self, key: tuple[str, str]) -> ResolvedNamespace | None:
        found = self._find(*key)
        if found is None:
            return None
        return ResolvedNamespace(
            found.namespace_id, found.name, found.expires_at, is_being_deleted=found.deletion_task is not None
        )

    def _look_up_in_equal_time(self, organization: str, identifier: str) -> ResolvedNamespace:
        """Returns the namespace, or ABSENT."""
        if not _may_be_identifier(identifier):
            return ABSENT
        row = self.store.find_in_equal_time(organization, identifier)
        if row is None:
            return ABSENT
        is_being_deleted = row.get("deletion_task") is not None
        return ResolvedNamespace(row["namespace_id"], row["namespace_name"], row.get("expires_at"), is_being_deleted)

    def _get_if(self, preconditions: Preconditions, organization: str, identifier: str, cached_id: str) -> Namespace:
        found = self._get(organization, identifier, cached_id)
        if not preconditions.holds(found.etag, counted=True):
            raise NamespaceStale(self.store.with_totals(organization, [found])[0].etag)
        return found

    def _get(self, organization: str, identifier: str, cached_id: str) -> Namespace:
        found = self._find(organization, cached_id or identifier)
        if found is None or not _has_identifier(found, identifier):
            # The caller was authorized for the namespace in the cache, so no other one is looked up here.
            self._forget()
            raise NamespaceNotFound(identifier)
        return found

    def _find(self, organization: str, identifier: str) -> Namespace | None:
        if not _may_be_identifier(identifier):
            return None
        return retry_on_conflict(lambda: self.store.find(organization, identifier), self.pause)


def _may_be_identifier(text: str) -> bool:
    """Returns whether a namespace can have this id or name, so that it is looked up."""
    return 0 < len(text) <= MAX_IDENTIFIER_LENGTH


def _has_identifier(namespace: Namespace, identifier: str) -> bool:
    """Returns whether the identifier is the id of the namespace, or its name. A deletion frees the name."""
    if namespace.deletion_task is None and identifier == namespace.name:
        return True
    return identifier == namespace.namespace_id
