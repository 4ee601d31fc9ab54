"""Ends the commands of Chalice that would deploy a stack without the parts of its template that `make` merges in."""

from __future__ import annotations

import click

# `chalice generate-pipeline` does not load the app. The pipeline that it writes runs `chalice package`.
DEPLOYING = ("deploy", "package", "plan")
MESSAGE = (
    "`{command}` makes a stack without tables, queues, permissions and settings, which cannot work. "
    "Run `make deploy` to deploy, or `make package` for the template and the zip file"
)


def refuse_deployment() -> None:
    """Ends the running command of Chalice with a message and exit code 1 if it deploys or packages."""
    # `chalice local` loads the app in a thread, which has no command.
    context = click.get_current_context(silent=True)
    if context is not None and context.info_name in DEPLOYING:
        raise click.ClickException(MESSAGE.format(command=context.command_path))
