"""Serves the application on a port, with the HTTP server of the embedded engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chalice.config import Config
from chalice.local import CustomLocalChalice

from chalicelib.api import create_app
from chalicelib.local.server.gateway import Handler, Server
from tests.support.world import World


@contextmanager
def serving(world: World) -> Iterator[str]:
    """Serves the API of this world until the block ends. Yields its URL, without /v1."""
    app = create_app(lambda: world.services)
    app.__class__ = CustomLocalChalice  # as `chalice local` does, so that each thread has its own current request

    def handler(request: object, address: object, server: object) -> Handler:
        return Handler(request, address, server, app_object=app, config=Config())

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
