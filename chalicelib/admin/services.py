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

PROJECT = Path(__file__).parents[2]


def services(*, processing: bool = False) -> Services:
    """Returns the services of this process. If it owns the embedded engine, starts the delivery of events.

    `processing`: this process also processes batches. Other commands leave them to the next process that does, because
    they may end while the hook works on an object.
    Raises FolderMissing if the embedded engine has no data. A command for a wrong folder must not create an engine.
    """
    settings = read_settings(os.environ)
    if settings.engine == "embedded":
        from chalicelib.local.journal.folder import Folder

        Folder(Path(settings.data_dir).resolve()).require_engine()
    found = wiring.services()
    if settings.engine == "embedded":
        from chalicelib.local.events.wiring import Handlers, start_events
        from chalicelib.local.vendor import add_vendor

        add_vendor(PROJECT)
        handlers = Handlers(*map(_handler, ("on_objects_change", "on_catalog_change", "on_task")))
        batch = _handler("on_batch_message") if processing else None
        start_events(settings, found, handlers._replace(batch=batch))
    return found


def embedded_folder() -> Path | None:
    """Returns the data folder of the embedded engine, or None if the settings name AWS. Does not open the engine.

    Raises FolderMissing if the engine has no data.
    """
    settings = read_settings(os.environ)
    if settings.engine != "embedded":
        return None
    from chalicelib.local.journal.folder import Folder

    folder = Folder(Path(settings.data_dir).resolve())
    folder.require_engine()
    return folder.path


def _handler(name: str) -> Handler:
    """Returns the event handler of this name in `app.py`.

    `app` is imported with the first event, because most commands cause no events.
    """

    def call(event: dict[str, Any], context: Any) -> Any:
        return getattr(import_module("app"), name)(event, context)

    return call
