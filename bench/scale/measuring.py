"""Sends each request to each size, and keeps what it has cost."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.scale.filling import Filler
from bench.scale.lists import PAGE, Prepared, Request, Subject
from bench.scale.world import Json, Measured, World

# A request that takes less is repeated, because its times vary.
REPEATED_BELOW_MS = 1_000
RUNS = 3
MAX_PAGE = 1000


@dataclass(frozen=True)
class Sample:
    """What a request has cost at a size. Times are medians of some runs, and `slowest_ms` is that of the slowest.

    `error` is the status and the code of a refusal, or empty.
    """

    subject: str
    request: str
    size: int
    calls: int
    read_units: float
    cpu_ms: float
    wall_ms: float
    slowest_ms: float
    rows: int = 0
    has_cursor: bool = False
    error: str = ""


def measure(world: World, subject: Subject, sizes: Sequence[int], say: Callable[[str], None]) -> Iterator[Sample]:
    """Fills the tables for each size, and measures the requests of the subject there."""
    filler = Filler(world)
    for size in sizes:
        say(f"{subject.name}: writing {size}")
        prepared = subject.fill(filler, size)
        _send(world, subject, prepared, subject.requests[0])  # fills the caches of the process
        for request in subject.requests:
            sample = _sample(world, subject, prepared, request, size)
            say(f"  {request.name}: {sample.calls} calls, {sample.wall_ms:.0f} ms {sample.error}")
            yield sample


def _sample(world: World, subject: Subject, prepared: Prepared, request: Request, size: int) -> Sample:
    more = {"cursor": _cursor(world, subject, prepared, request, size)} if request.is_continued else {}
    runs = [_send(world, subject, prepared, request, more)]
    while runs[0].wall_ms < REPEATED_BELOW_MS and len(runs) < RUNS:
        runs.append(_send(world, subject, prepared, request, more))
    first = runs[0]
    return Sample(
        subject.name,
        request.name,
        size,
        first.calls,
        first.read_units,
        statistics.median(run.cpu_ms for run in runs),
        statistics.median(run.wall_ms for run in runs),
        max(run.wall_ms for run in runs),
        **_result(first),
    )


def _cursor(world: World, subject: Subject, prepared: Prepared, request: Request, size: int) -> str:
    half = {"limit": min(MAX_PAGE, size // 2)}
    cursor: str = _send(world, subject, prepared, request, half).body["pagination"]["next_cursor"]
    return cursor


def _send(world: World, subject: Subject, prepared: Prepared, request: Request, more: Json | None = None) -> Measured:
    ids = {**prepared.ids, **(request.ids or {})}
    if request.path:
        return world.request(prepared.place, "GET", request.path, ids, None)
    body = {"limit": PAGE, **(request.body or {}), **(more or {})}
    return world.request(prepared.place, "POST", subject.path, ids, body)


def _result(measured: Measured) -> Json:
    """Returns the part of a sample that says what the response was."""
    body = measured.body
    if measured.status != 200:
        return {"error": f"{measured.status} {body['error'].get('code') or body['error']['type']}"}
    if "results" not in body:
        return {"rows": 1}
    return {"rows": len(body["results"]), "has_cursor": body["pagination"]["next_cursor"] is not None}
