"""Code that all commands share: access to the services, and a one-line message for errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from chalicelib.aws.failures import FAILURES, failure_code
from chalicelib.core.errors import ApiError, RequestInvalid, Unavailable
from chalicelib.local.journal.folder import FolderInUse, FolderMissing
from chalicelib.services import Services
from chalicelib.settings import SettingInvalid

P = ParamSpec("P")
R = TypeVar("R")

EXPECTED_ERRORS = (ApiError, SettingInvalid, *FAILURES, FolderInUse, FolderMissing, OSError)


class Commands(click.Group):
    """A group of commands. An expected error ends a command with one line on standard error and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command. Raises ClickException for expected errors."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of the output has closed the pipe, and click exits without a message
        except EXPECTED_ERRORS as error:
            raise click.ClickException(" ".join(_message(error).split())) from error


def with_services(command: Callable[Concatenate[Services, P], R]) -> Callable[P, R]:
    """Passes the services to a command as its first argument. They are built when the command runs.

    A command that watches a batch (its option `--watch`) also processes batches, if it owns the embedded engine.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        services: Callable[..., Services] = click.get_current_context().obj
        options = {"processing": True} if kwargs.get("watch") else {}
        return command(services(**options), *args, **kwargs)

    return run


def _message(error: Exception) -> str:
    match error:
        case RequestInvalid():
            return "; ".join(problem.message for problem in error.problems)
        case Unavailable() if error.__cause__ is not None:
            return f"{error.text} ({error.__cause__})"
        case ApiError():
            resource_id = (error.details or {}).get("id")
            return f"{error.text}: {resource_id}" if resource_id else error.text
        case SettingInvalid() | FolderInUse() | FolderMissing():
            return str(error)
    match failure_code(error):
        case "ResourceNotFoundException":
            return "The table does not exist; check BUCKETS_CATALOG_TABLE, the region and the account"
        case "NoSuchBucket":
            return "The S3 bucket does not exist; check BUCKETS_BLOB_BUCKET, the region and the account"
    return f"The storage cannot be used: {error}"
