"""The local server: the API and the embedded engine in one process, for `make run` and for `chalice local`.

`new_server` does for `make run` what the `local` command of chalice 1.34 does, without importing `chalice.cli`.
"""

from __future__ import annotations

import errno
import gc
import importlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import chalice.local
from chalice.app import Chalice
from chalice.config import Config
from chalice.deploy.validate import validate_feature_flags, validate_routes
from chalice.local import LocalDevServer

from chalicelib.core.errors import ApiError, RequestInvalid
from chalicelib.local import engine
from chalicelib.local.bootstrap import Credentials, first_credentials
from chalicelib.local.credential import AwsCredential
from chalicelib.local.events import wiring as events
from chalicelib.local.events.wiring import Handlers
from chalicelib.local.journal.folder import FolderInUse
from chalicelib.local.moto.rows import REGION
from chalicelib.local.server import watching
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from chalicelib.local.server.connections import raise_file_limit
from chalicelib.local.server.gateway import Handler, Server
from chalicelib.local.vendor import add_vendor
from chalicelib.services import Services
from chalicelib.settings import SettingInvalid, read_settings

# A command of the operator may own the folder for a short time, for example while the server restarts.
FOLDER_WAIT_SECONDS = 5.0
POLL_SECONDS = 0.1


def prepare(services: Callable[[], Services], handlers: Handlers) -> None:
    """Makes `chalice local` serve with the embedded engine. Opens no file and binds no port."""
    watching.install()
    module: Any = chalice.local
    module.LocalDevServer = partial(EmbeddedServer, services=services, handlers=handlers)


def new_server(project: Path, host: str, port: int) -> LocalDevServer:
    """Loads the application of the project and its `.chalice/config.json`, and binds the server to the port."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    config = Config(
        user_provided_params={"project_dir": str(project)},
        config_from_disk=json.loads((project / ".chalice" / "config.json").read_text()),
    )
    os.environ |= {"AWS_CHALICE_CLI_MODE": "true", **config.environment_variables}
    app = load_app(project)
    validate_feature_flags(app)
    validate_routes(app.routes)
    return chalice.local.create_local_server(app, config, host, port)


def load_app(project: Path) -> Chalice:
    """Returns the application of `app.py`. As in a Lambda function, packages in the folder `vendor` can be imported."""
    if str(project) not in sys.path:
        sys.path.insert(0, str(project))
    add_vendor(project)
    app: Chalice = importlib.import_module("app").app
    return app


class EmbeddedServer(LocalDevServer):
    """Serves the API on one port and the AWS endpoint of the engine on the next. Owns the data folder."""

    def __init__(
        self,
        app_object: Chalice,
        config: Config,
        host: str,
        port: int,
        *,
        services: Callable[[], Services],
        handlers: Handlers,
    ) -> None:
        raise_file_limit()
        try:
            super().__init__(app_object, config, host, port, handler_cls=Handler, server_cls=Server)
            self._open(host, port, services, handlers)
        except (OSError, OverflowError, FolderInUse, SettingInvalid, ApiError) as error:
            exit_with(start_problem(error, port))

    def serve_forever(self) -> None:
        """Serves until `shutdown` or, when called in the main thread, until a signal ends the process.

        A separate thread accepts the connections. In the main thread, a signal could interrupt `socketserver` while it
        passes a connection to its thread: the connection would be closed, and the thread would print a traceback.
        """
        accepting = threading.Thread(target=self._accept, name="server", daemon=True)
        accepting.start()
        try:
            while accepting.is_alive():
                accepting.join(POLL_SECONDS)
        except KeyboardInterrupt:
            self.server.shutdown()

    def _accept(self) -> None:
        watching.leave_signals_to_main()
        self.server.serve_forever(POLL_SECONDS)

    def _open(self, host: str, port: int, services: Callable[[], Services], handlers: Handlers) -> None:
        address = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104
        os.environ["BUCKETS_PORT"] = str(port)
        settings = read_settings(os.environ)
        running = engine.start(settings, wait_seconds=FOLDER_WAIT_SECONDS)
        # The rows are never garbage. Otherwise a search for garbage in those of 10 000 buckets takes a second.
        gc.freeze()
        built = services()
        # Before the endpoint is published: other processes may write only after the statistics are exact.
        events.start_events(settings, built, handlers)
        endpoint = AwsEndpoint(running.backends, port + 1, running.credential)
        running.publish_endpoint(endpoint.url)
        credentials = first_credentials(built, running.folder, settings.dev_key)
        print_welcome(f"{address}/v1", settings.data_dir, credentials, aws_variables(endpoint.url, running.credential))


def aws_variables(endpoint: str, credential: AwsCredential) -> str:
    """Returns the variables with which an AWS client uses the tables and files, in the form that precedes a command."""
    return (
        f"AWS_ENDPOINT_URL={endpoint} AWS_REGION={REGION} AWS_ACCESS_KEY_ID={credential.access_key_id} "
        f"AWS_SECRET_ACCESS_KEY={credential.secret_access_key}"
    )


def print_welcome(address: str, data_dir: str, credentials: Credentials, aws: str) -> None:
    """Prints the variables that a client needs, as shell commands."""
    print(
        f"\nThe Buckets API listens on {address} and keeps its data in {data_dir}\n\n"
        f"export MIXPEEK_BASE_URL={address}\n"
        f"export MIXPEEK_API_KEY={credentials.api_key}\n"
        f"export MIXPEEK_NAMESPACE={credentials.namespace}\n\n"
        f"For AWS clients: {aws}\n",
        flush=True,
    )


def start_problem(error: Exception, port: int) -> str:
    """Returns one line that says why the server cannot start."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} or {port + 1} is in use; choose N so that N and N+1 are free: chalice local --port N"
    if isinstance(error, RequestInvalid):
        return "BUCKETS_DEV_KEY: " + "; ".join(problem.message for problem in error.problems)
    return str(error)


def exit_with(reason: str) -> NoReturn:
    """Prints the reason and ends the process with exit code 1.

    Chalice builds the server in a thread, where `sys.exit` ends only the thread.
    """
    engine.stop()
    engine.report(reason)
    if threading.current_thread() is threading.main_thread():
        sys.exit(1)
    sys.stdout.flush()
    os._exit(1)
