"""Builds the services of deliveries. Only `chalicelib.wiring` uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.table import Table
from chalicelib.aws.vault import Vault
from chalicelib.core.clock import Clock
from chalicelib.core.ids import Ids
from chalicelib.deliveries.applying import Application
from chalicelib.deliveries.endpoints import Endpoints
from chalicelib.deliveries.receiving import Receiver
from chalicelib.deliveries.store import DeliveryStore
from chalicelib.objects.service import Objects
from chalicelib.outbound.signatures import new_webhook_secret
from chalicelib.tasks.service import Tasks

if TYPE_CHECKING:
    from chalicelib.batches.service import Batches
    from chalicelib.deliveries.cleaning import DeliveryCleaner
    from chalicelib.deliveries.closing import WindowClosing
    from chalicelib.deliveries.facade import DeliveryServices
    from chalicelib.deliveries.fan_in import FanIn
    from chalicelib.deliveries.state_store import StateStore


@dataclass(frozen=True)
class DeliveryParts:
    """Builds each service of deliveries when it is first needed.

    Senders give up after a few seconds, so a cold start for a webhook imports only what receives it.
    """

    catalog: Table
    objects: Objects
    vault: Vault
    tasks: Tasks
    batches: Callable[[], Batches]
    ids: Ids
    clock: Clock

    @cached_property
    def store(self) -> DeliveryStore:
        """The rows of deliveries."""
        return DeliveryStore(self.catalog)

    @cached_property
    def states(self) -> StateStore:
        """The rows of the state of source adapters."""
        from chalicelib.deliveries.state_store import StateStore

        return StateStore(self.catalog, self.ids, self.clock)

    @cached_property
    def window_closing(self) -> WindowClosing:
        """The handler of the messages about windows."""
        from chalicelib.deliveries.closing import WindowClosing

        return WindowClosing(self.states, self.batches(), self.clock)

    @cached_property
    def application(self) -> Application:
        """Applies deliveries."""
        return Application(partial(self.objects.recording, self.catalog), self.objects.buckets.open_found, self.clock)

    def cleaner(self) -> DeliveryCleaner:
        """Returns the cleaner of the deliveries to a bucket."""
        from chalicelib.deliveries.cleaning import DeliveryCleaner

        return DeliveryCleaner(self.store)

    def fan_in(self) -> FanIn:
        """Returns the worker of the tasks that take over the objects of source buckets."""
        from chalicelib.deliveries.fan_in import FanIn

        return FanIn(self.objects, self.clock)

    @cached_property
    def receiver(self) -> Receiver:
        """The service that receives webhooks."""
        endpoints = Endpoints(self.catalog, self.vault, self.clock)
        return Receiver(endpoints, self.store, self.objects.buckets, self.application, self.clock)

    @cached_property
    def services(self) -> DeliveryServices:
        """The services for the other operations, and for commands."""
        from chalicelib.deliveries.attempts import Replay
        from chalicelib.deliveries.facade import DeliveryServices
        from chalicelib.deliveries.forecast import AdapterTest
        from chalicelib.deliveries.refresh import Refresh
        from chalicelib.deliveries.rotation import Rotation

        buckets, clock = self.objects.buckets, self.clock
        return DeliveryServices(
            store=self.store,
            states=self.states,
            replay=Replay(self.store, self.application, clock),
            test=AdapterTest(self.store, self.objects, clock),
            rotation=Rotation(buckets, new_webhook_secret, clock),
            refresh=Refresh(buckets, self.tasks, self.catalog),
            buckets=buckets,
            clock=clock,
        )
