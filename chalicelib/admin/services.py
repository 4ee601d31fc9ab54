"""The services that commands work with, and in the embedded engine the delivery of its events."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chalicelib import wiring
from chalicelib.settings import read_settings

if TYPE_CHECKING:
    from chalicelib.local.events.wiring import Handler
    from chalicelib.services import Services


def services() -> Services:
    """The services of this process. Where it owns the embedded engine, events are delivered from now on."""
    made = wiring.services()
    settings = read_settings(os.environ)
    if settings.engine == "embedded":
        from chalicelib.local.events.wiring import Handlers, start_events

        start_events(settings, made, Handlers(*map(_handler, ("on_objects_change", "on_catalog_change", "on_task"))))
    return made


def _handler(name: str) -> Handler:
    """The event handler of this name in `app.py`, which is imported with the first event: most commands have none."""

    def call(event: dict[str, Any], context: Any) -> Any:
        return getattr(import_module("app"), name)(event, context)

    return call
