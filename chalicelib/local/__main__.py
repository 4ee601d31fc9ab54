"""The command of `make run`: serves the API on this machine, with chalice's local server and the embedded engine."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import click

from chalicelib.local.journal.folder import LOOPBACK, POLL_SECONDS, Folder, FolderInUse
from chalicelib.local.server import watching
from chalicelib.settings import SettingInvalid, read_settings

PROJECT = Path(__file__).parents[2]
START_WAIT_SECONDS = 1.0


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option("--port", type=click.IntRange(1, 65534), envvar="BUCKETS_PORT", default=8000, show_default=True)
@click.option("--autoreload/--no-autoreload", default=True, help="Start over when the code changes.")
def main(host: str, port: int, autoreload: bool) -> None:
    """Serve the Buckets API on this machine. The next port is for the operator's command line."""
    os.environ |= {"BUCKETS_ENGINE": "embedded", "BUCKETS_PORT": str(port)}
    os.chdir(PROJECT)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        sys.exit(_run(host, port, autoreload=autoreload))
    except KeyboardInterrupt:
        sys.exit(0)


def _run(host: str, port: int, *, autoreload: bool) -> int:
    """Serves in this process, or in a worker process, until a signal ends it. Returns the exit code."""
    is_worker = bool(os.environ.get(watching.WORKER))
    if not is_worker:
        _check_free(host, port)
        _check_hook()
    if autoreload and not is_worker:
        return watching.run_parent([sys.executable, "-m", "chalicelib.local", *sys.argv[1:]], os.environ)
    watching.install()
    # Imported here because only the process that serves needs the application.
    from chalicelib.local.server.serve import new_server

    if autoreload:
        return watching.run_worker(lambda: new_server(PROJECT, host, port), PROJECT)
    new_server(PROJECT, host, port).serve_forever()
    return 0


def _interrupt(*_: Any) -> None:
    # Ctrl-C sends a signal to both processes, and then the parent terminates its worker. One signal is enough.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _check_free(host: str, port: int) -> None:
    """Exits with a message of one line if another process keeps using a port or the data folder."""
    deadline = time.monotonic() + START_WAIT_SECONDS
    for interface, number in ((host, port), (LOOPBACK, port + 1)):
        while (problem := _bind_problem(interface, number)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if problem:
            sys.exit(f"Cannot listen on {interface}:{number}: {problem}. BUCKETS_PORT=N chooses ports N and N+1")
    try:
        folder = Folder(Path(read_settings(os.environ).data_dir).resolve())
        folder.own(wait_seconds=START_WAIT_SECONDS)
    except (FolderInUse, SettingInvalid, OSError) as error:
        sys.exit(f"Cannot start: {error}")
    folder.release()


def _check_hook() -> None:
    """Exits with a message of one line if the hook in the settings cannot be loaded."""
    settings = read_settings(os.environ)
    if settings.processor:
        # Imported here because most servers have no hook.
        from chalicelib.local.vendor import add_vendor
        from chalicelib.processing.selection import check_processor

        add_vendor(PROJECT)
        try:
            check_processor(settings)
        except SettingInvalid as error:
            sys.exit(f"Cannot start: {error}")


def _bind_problem(interface: str, port: int) -> str | None:
    """Returns why this port cannot be bound, or None if it can."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((interface, port))
        except OSError as error:
            return str(error.strerror or error)
    return None


if __name__ == "__main__":
    main()
