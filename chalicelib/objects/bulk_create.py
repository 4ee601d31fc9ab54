"""The rows of a batch, settled: each on its own, their files stored side by side.

Only files are stored side by side: rows are written one after the other, in their order, each with the time of its
own writing. A row waits from the start for those before it that it may meet.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.aws.usage import Usage, add_usage, track_usage
from chalicelib.core.clock import Clock
from chalicelib.core.errors import Unavailable
from chalicelib.core.json_codec import to_json
from chalicelib.objects.create import Creation
from chalicelib.objects.errors import AnswerFull
from chalicelib.objects.result import Settled
from chalicelib.objects.stored_object import StoredObject
from chalicelib.objects.views import show

# So many rows at once; the clients keep as many connections.
AT_ONCE = 16
# What the objects of an answer may take as Lambda hands them over. Lambda's limit is 6 MB, and refusals need some.
MAX_ANSWER_BYTES = 4_500_000
# What a batch says of an object beside itself.
MORE_BYTES = 100

# A row that failed is what it raised: a refusal, or a fault of ours.
Outcome = Settled | Exception
Task = Future[tuple[Outcome, Usage]]
_MILLISECOND = timedelta(milliseconds=1)


def settle_all(
    rows: Sequence[Creation | Exception],
    settle: Callable[[Creation], Settled],
    *,
    deadline_expired: Callable[[], bool],
    connect: Callable[[], object],
) -> list[Outcome]:
    """What came of each row, in their order. A row whose turn comes when the request `deadline_expired` is Unavailable.

    Whatever a row raises is what came of that row alone: the others may be stored, and are to be told.
    `connect` builds what is built on first use, before several threads would.
    """

    def outcome(row: Creation | Exception) -> Outcome:
        if isinstance(row, Exception):
            return row
        try:
            return settle(row) if not deadline_expired() else Unavailable()
        except Exception as error:
            row.release()
            return error

    if sum(isinstance(row, Creation) and row.new.has_bytes for row in rows) < 2:
        return [outcome(row) for row in rows]
    connect()
    return _side_by_side(rows, outcome)


def _side_by_side(
    rows: Sequence[Creation | Exception], outcome: Callable[[Creation | Exception], Outcome]
) -> list[Outcome]:
    met: dict[str, Task] = {}
    tasks: list[Task] = []

    def task(row: Creation | Exception, earlier: Sequence[Task]) -> tuple[Outcome, Usage]:
        wait(earlier)
        with track_usage() as meter:
            return outcome(row), meter

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for row in rows:
            # Tasks begin in this order, so what one waits for has begun and needs no thread any more.
            done = pool.submit(copy_context().run, task, _in_turn(row, tuple(tasks)), _to_await(row, met, tasks))
            if isinstance(row, Creation) and row.identity is not None:
                met[row.identity] = done
            tasks.append(done)
    outcomes = []
    for settled, meter in (done.result() for done in tasks):
        add_usage(meter)
        outcomes.append(settled)
    return outcomes


def _to_await(row: Creation | Exception, met: Mapping[str, Task], tasks: Sequence[Task]) -> Sequence[Task]:
    """The tasks that a row waits for from its start: what any makes may be its twin; else those of its identity."""
    if isinstance(row, Exception):
        return ()
    if row.wants_twin:
        return tuple(tasks)
    identity = row.identity
    return (met[identity],) if identity is not None and identity in met else ()


def _in_turn(row: Creation | Exception, before: Sequence[Task]) -> Creation | Exception:
    """The row, whose look at the clock, the last thing before it is written, waits for those before it."""
    if isinstance(row, Exception):
        return row
    clock = row.clock

    def in_turn() -> datetime:
        wait(before)
        return clock()

    return replace(row, clock=in_turn)


def rising(clock: Clock) -> Clock:
    """A clock that is later at each look, so that rows are listed in the order of their batch; for one at a time."""
    last: datetime | None = None

    def later() -> datetime:
        nonlocal last
        now = clock()
        last = now if last is None else max(now, last + _MILLISECOND)
        return last

    return later


class ResponseBudget:
    """The bytes of a bulk response that are left for its objects. Threads may share it."""

    def __init__(self) -> None:
        self._left = MAX_ANSWER_BYTES
        self._lock = threading.Lock()

    def change(self, by: int) -> None:
        """Reserves so many more bytes, or gives them back when negative. Raises AnswerFull when they do not fit."""
        with self._lock:
            if by > self._left:
                raise AnswerFull()
            self._left -= by


@dataclass(slots=True)
class BudgetShare:
    """The bytes that one row has reserved in the budget."""

    budget: ResponseBudget
    reserved: int = 0

    def admit(self, stored: StoredObject) -> None:
        """Reserves the bytes of this object instead of those reserved before. Raises AnswerFull."""
        # Lambda returns the body as an ASCII string in JSON, which is what its 6 MB limit counts.
        needed = len(json.dumps(to_json(show(stored)))) + MORE_BYTES
        self.budget.change(needed - self.reserved)
        self.reserved = needed

    def release(self) -> None:
        """Gives the bytes back: the object is not part of the response."""
        self.budget.change(-self.reserved)
        self.reserved = 0
