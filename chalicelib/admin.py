"""The operator's command line: `python -m chalicelib.admin --help`."""

from __future__ import annotations

import sys

import click

from chalicelib import wiring
from chalicelib.administration.blobs import blobs
from chalicelib.administration.buckets import buckets
from chalicelib.administration.commands import Commands
from chalicelib.administration.keys import keys
from chalicelib.administration.namespaces import namespaces
from chalicelib.administration.organizations import organizations
from chalicelib.administration.stats import stats
from chalicelib.administration.tasks import tasks
from chalicelib.foundation import logs


@click.group(cls=Commands)
@click.pass_context
def admin(context: click.Context) -> None:
    """Organizations, API keys, namespaces and buckets of a Buckets API.

    Works on the tables that the service's own settings name: BUCKETS_CATALOG_TABLE and the AWS variables,
    or with BUCKETS_ENGINE=embedded the folder BUCKETS_DATA_DIR, whether or not its server is running.
    """
    if context.obj is None:
        # Standard output is for what was asked, and may be read by a program.
        logs.configure("INFO", sys.stderr)
        context.obj = wiring.services


for commands in (organizations, keys, namespaces, buckets, blobs, stats, tasks):
    admin.add_command(commands)

if __name__ == "__main__":
    admin(prog_name="python -m chalicelib.admin")
