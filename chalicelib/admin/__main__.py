"""The operator's command line: `python -m chalicelib.admin --help`."""

from __future__ import annotations

import sys

import click

from chalicelib.admin.adapters import adapters
from chalicelib.admin.batches import batches
from chalicelib.admin.blobs import blobs
from chalicelib.admin.buckets import buckets
from chalicelib.admin.commands import Commands
from chalicelib.admin.events import events
from chalicelib.admin.keys import keys
from chalicelib.admin.mirrors import mirrors
from chalicelib.admin.namespaces import namespaces
from chalicelib.admin.organizations import organizations
from chalicelib.admin.services import services
from chalicelib.admin.stats import stats
from chalicelib.admin.tasks import tasks
from chalicelib.core import log


@click.group(cls=Commands)
@click.pass_context
def admin(context: click.Context) -> None:
    """Manage the organizations, API keys, namespaces and buckets of a Buckets API.

    Uses the tables that the service's settings name: BUCKETS_CATALOG_TABLE and the AWS variables, or with
    BUCKETS_ENGINE=embedded the folder BUCKETS_DATA_DIR, whether or not its server is running.
    """
    if context.obj is None:
        # Logs go to standard error, because a program may read standard output.
        log.configure("INFO", sys.stderr)
        context.obj = services


for commands in (organizations, keys, namespaces, buckets, adapters, batches, blobs, mirrors, events, stats, tasks):
    admin.add_command(commands)

if __name__ == "__main__":
    admin(prog_name="python -m chalicelib.admin")
