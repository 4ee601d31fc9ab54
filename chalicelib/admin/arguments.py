"""What an operator types, read: a scope, and when a key ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from chalicelib.access.models import PERMISSIONS, RESOURCES, ResourceScope

_PERIOD = re.compile(r"([1-9][0-9]{0,4})([dh])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}


class ScopeType(click.ParamType[ResourceScope]):
    """`<type>:<id or pattern>`, and `:<operations>` to narrow it."""

    name = "scope"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> ResourceScope:
        """The scope."""
        resource_type, _, place = value.partition(":")
        # A name may hold colons: what follows the last one counts as operations only if it is nothing else.
        resource_id, _, last = place.rpartition(":")
        operations = tuple(word.strip() for word in last.split(","))
        if not resource_id or not set(operations) <= set(PERMISSIONS):
            resource_id, operations = place, ()
        if resource_type not in RESOURCES or not resource_id:
            self.fail(f"{value!r} is not <{'|'.join(RESOURCES)}>:<id or pattern>[:<operations>]", param, ctx)
        return ResourceScope(resource_type, resource_id, operations or None)


class EndTimeType(click.ParamType[datetime | timedelta]):
    """A date, a time, or a period from now."""

    name = "when"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime | timedelta:
        """The moment in UTC, or the period."""
        period = _PERIOD.fullmatch(value)
        if period:
            return int(period[1]) * _UNITS[period[2]]
        try:
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no date (2027-01-01), time (2027-01-01T12:00Z) or period (90d, 12h)", param, ctx)


class PeriodType(click.ParamType[timedelta]):
    """A time span in hours or days."""

    name = "period"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The time span."""
        period = _PERIOD.fullmatch(value)
        if not period:
            self.fail(f"{value!r} is no period (1h, 30d)", param, ctx)
        return int(period[1]) * _UNITS[period[2]]


def end_time(end: datetime | timedelta | None, now: datetime) -> datetime | None:
    """When something that starts now ends. Raises click.BadParameter where that is over already."""
    moment = now + end if isinstance(end, timedelta) else end
    if moment is not None and moment <= now:
        raise click.BadParameter("that time is over already", param_hint="'--expires'")
    return moment
