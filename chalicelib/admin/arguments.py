"""Types of the command line's options: scopes, end times and periods."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from chalicelib.access.models import PERMISSIONS, RESOURCES, ResourceScope

_PERIOD = re.compile(r"([1-9][0-9]{0,4})([dh])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}


class ScopeType(click.ParamType[ResourceScope]):
    """A scope: `<type>:<id or pattern>`, optionally followed by `:<operations>`."""

    name = "scope"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> ResourceScope:
        """Returns the scope. Fails with a usage error if the text is not one."""
        resource_type, _, remainder = value.partition(":")
        # A name may contain colons: the text after the last one is a list of operations only if all of them exist.
        resource_id, _, last = remainder.rpartition(":")
        operations = tuple(operation.strip() for operation in last.split(","))
        if not resource_id or not set(operations) <= set(PERMISSIONS):
            resource_id, operations = remainder, ()
        if resource_type not in RESOURCES or not resource_id:
            self.fail(f"{value!r} is not <{'|'.join(RESOURCES)}>:<id or pattern>[:<operations>]", param, ctx)
        return ResourceScope(resource_type, resource_id, operations or None)


class EndTimeType(click.ParamType[datetime | timedelta]):
    """The end of a key: a date, a time, or a period from now."""

    name = "when"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime | timedelta:
        """Returns the time in UTC, or the period. Fails with a usage error if the text is neither."""
        period = _PERIOD.fullmatch(value)
        if period:
            return int(period[1]) * _UNITS[period[2]]
        try:
            time = datetime.fromisoformat(value)
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is not a date (2027-01-01), time (2027-01-01T12:00Z) or period (90d, 12h)", param, ctx
            )


class PeriodType(click.ParamType[timedelta]):
    """A period in hours or days."""

    name = "period"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Returns the period. Fails with a usage error if the text is not one."""
        period = _PERIOD.fullmatch(value)
        if not period:
            self.fail(f"{value!r} is not a period (1h, 30d)", param, ctx)
        return int(period[1]) * _UNITS[period[2]]


def end_time(end: datetime | timedelta | None, now: datetime) -> datetime | None:
    """Returns the time of an `--expires` option, or None. Raises click.BadParameter when it is in the past."""
    time = now + end if isinstance(end, timedelta) else end
    if time is not None and time <= now:
        raise click.BadParameter("that time is in the past", param_hint="'--expires'")
    return time
