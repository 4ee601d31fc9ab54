"""Builds the services for commands, and starts the delivery of events if this process owns the embedded engine."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib import wiring
from chalicelib.settings import read_settings

if TYPE_CHECKING:
    from chalicelib.local.events.wiring import Handler
    from chalicelib.services import Services


def services() -> Services:
    """Returns the services of this process. If it owns the embedded engine, starts the delivery of events.

    Raises FolderMissing if the embedded engine has no data. A command for a wrong folder must not create an engine.
    """
    settings = read_settings(os.environ)
    if settings.engine == "embedded":
        from chalicelib.local.journal.folder import Folder

        Folder(Path(settings.data_dir).resolve()).require_engine()
    found = wiring.services()
    if settings.engine == "embedded":
        from chalicelib.local.events.wiring import Handlers, start_events

        start_events(settings, found, Handlers(*map(_handler, ("on_objects_change", "on_catalog_change", "on_task"))))
    return found


def _handler(name: str) -> Handler:
    """Returns the event handler of this name in `app.py`.

    `app` is imported with the first event, because most commands cause no events.
    """

    def call(event: dict[str, Any], context: Any) -> Any:
        return getattr(import_module("app"), name)(event, context)

    return call
