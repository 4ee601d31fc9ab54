"""What all commands share: their services, and one clear line where something is refused or fails."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from chalicelib.aws.failures import FAILURES, failure_code
from chalicelib.core.errors import ApiError, RequestInvalid, Unavailable
from chalicelib.local.journal.folder import FolderInUse
from chalicelib.services import Services
from chalicelib.settings import SettingInvalid

P = ParamSpec("P")
R = TypeVar("R")

EXPECTED_ERRORS = (ApiError, SettingInvalid, *FAILURES, FolderInUse, OSError)


class Commands(click.Group):
    """Commands that end with one line on standard error and exit code 1 where they cannot do their work."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read our output has heard enough, and click ends quietly
        except EXPECTED_ERRORS as error:
            raise click.ClickException(" ".join(_words(error).split())) from error


def with_services(command: Callable[Concatenate[Services, P], R]) -> Callable[P, R]:
    """Gives a command the services as its first argument; they are built now, not before."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        services: Callable[[], Services] = click.get_current_context().obj
        return command(services(), *args, **kwargs)

    return run


def _words(error: Exception) -> str:
    match error:
        case RequestInvalid():
            return "; ".join(problem.message for problem in error.problems)
        case Unavailable() if error.__cause__ is not None:
            return f"{error.text} ({error.__cause__})"
        case ApiError():
            named = (error.details or {}).get("id")
            return f"{error.text}: {named}" if named else error.text
        case SettingInvalid() | FolderInUse():
            return str(error)
    match failure_code(error):
        case "ResourceNotFoundException":
            return "There is no such table; are BUCKETS_CATALOG_TABLE, the region and the account right?"
        case "NoSuchBucket":
            return "There is no such S3 bucket; are BUCKETS_BLOB_BUCKET, the region and the account right?"
    return f"The storage cannot be used: {error}"
