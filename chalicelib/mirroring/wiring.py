"""Builds the handler of the messages about files by URL. Only `chalicelib.wiring` uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from chalicelib.aws.queues import WorkQueue
from chalicelib.core.clock import Clock
from chalicelib.core.ids import Ids
from chalicelib.mirroring.messages import MirrorMessages
from chalicelib.mirroring.queue import MirrorQueue
from chalicelib.mirroring.worker import Mirroring
from chalicelib.objects.service import Objects
from chalicelib.outbound.client import GuardedClient


@dataclass(frozen=True)
class MirrorParts:
    """Builds the parts when they are first needed. `http` returns the client; by default it follows the settings."""

    objects: Objects
    sqs: Callable[[], WorkQueue]
    queue_url: str
    ids: Ids
    clock: Clock
    allow_private_urls: bool = False
    http: Callable[[], GuardedClient] | None = None

    @cached_property
    def queue(self) -> MirrorQueue:
        """The queue of files by URL."""
        return MirrorQueue(self.sqs, self.queue_url)

    @cached_property
    def messages(self) -> MirrorMessages:
        """The handler of the messages."""
        worker = Mirroring(self.objects, self.http or cache(self._connect), self.ids, self.clock)
        return MirrorMessages(self.queue, worker)

    def _connect(self) -> GuardedClient:
        return GuardedClient(allow_private=self.allow_private_urls)
