"""Simulates concurrent creates of buckets in one namespace, which all change the row with the namespace's totals.

    python -m bench.contention

DynamoDB cancels a transaction while another one changes the same row (`TransactionConflict`). No local engine does so:
DynamoDB Local applies transactions one after another. So the engine is simulated, with the retries of the service
(`chalicelib.aws.retry`) and a virtual time. Prints a table for creates that arrive at random times at a constant rate,
and one for creates that arrive at the same moment. The results are the same in every run.
"""

from __future__ import annotations

import heapq
import random
import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.retry import Attempts, RetryPolicy
from chalicelib.core.deadline import time_limit
from chalicelib.core.errors import Unavailable
from chalicelib.http.operation import REQUEST_TIME_LIMIT_SECONDS

# How long a transaction holds its rows, and after which time a conflict is reported. AWS publishes neither.
TRANSACTION_SECONDS = (0.01, 0.02)
CONFLICT_SECONDS = 0.005
BUDGET_SECONDS = 6.0  # the default of `Table`
RATES = (5, 10, 20, 30, 40, 50, 60, 80, 100)
BURSTS = (2, 5, 10, 25, 50, 100, 200)
SIMULATED_SECONDS = 60
CONFLICT: Any = {
    "Error": {"Code": "TransactionCanceledException"},
    "CancellationReasons": [{"Code": "None"}, {"Code": "None"}, {"Code": "TransactionConflict"}],
    "ResponseMetadata": {"HTTPStatusCode": 400},
}


class VirtualTime:
    """A clock for threads of which one runs at a time, until it sleeps or ends. Then the next one wakes up at once."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleeping: list[tuple[float, int, threading.Event]] = []
        self._count = 0

    def clock(self) -> float:
        """Returns the current time in seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Lets the other threads run until this time has passed."""
        woken = self._add(self._now + seconds)
        self._wake_next()
        woken.wait()

    def run(self, starts: Sequence[float], job: Callable[[], None]) -> None:
        """Runs the job once for each start, in a thread of its own, until all have ended."""
        threads = [threading.Thread(target=self._run, args=(job, self._add(start))) for start in starts]
        for thread in threads:
            thread.start()
        self._wake_next()
        for thread in threads:
            thread.join()

    def _run(self, job: Callable[[], None], started: threading.Event) -> None:
        started.wait()
        job()
        self._wake_next()

    def _add(self, wakes: float) -> threading.Event:
        event = threading.Event()
        self._count += 1  # threads that wake at the same time run in the order in which they were added
        heapq.heappush(self._sleeping, (wakes, self._count, event))
        return event

    def _wake_next(self) -> None:
        if self._sleeping:
            self._now, _, event = heapq.heappop(self._sleeping)
            event.set()


@dataclass
class Simulation:
    """Creates that change one row, with what they met. `held` is true while a transaction changes the row."""

    transaction_seconds: float
    random: random.Random = field(default_factory=lambda: random.Random(1))
    time: VirtualTime = field(default_factory=VirtualTime)
    held: bool = False
    attempts: int = 0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)

    def create(self) -> None:
        """Creates a bucket: one transaction with the retries of the service, within the time limit of a request."""
        started = self.time.clock()
        policy = RetryPolicy(self.time.clock, self.time.sleep, self.random.random, BUDGET_SECONDS)
        try:
            with time_limit(REQUEST_TIME_LIMIT_SECONDS):
                Attempts(policy, writing=True).call(self._transact, {})
        except Unavailable:
            self.refused += 1
        else:
            self.latencies.append(self.time.clock() - started)

    def _transact(self) -> None:
        self.attempts += 1
        if self.held:
            self.time.sleep(CONFLICT_SECONDS)
            raise ClientError(CONFLICT, "TransactWriteItems")
        self.held = True
        self.time.sleep(self.transaction_seconds)
        self.held = False

    def cells(self) -> list[str]:
        """Returns attempts for each create, the median, the 99th percentile and the maximum of the time, and errors."""
        creates = len(self.latencies) + self.refused
        percentiles = statistics.quantiles(self.latencies, n=100, method="inclusive")
        times = [1000 * value for value in (percentiles[49], percentiles[98], max(self.latencies))]
        errors = 100 * self.refused / creates
        return [f"{self.attempts / creates:.1f}", *(f"{value:.0f}" for value in times), f"{errors:.1f} %"]


def main() -> None:
    """Prints both tables."""
    for seconds in TRANSACTION_SECONDS:
        print(
            f"\nTransactions of {1000 * seconds:.0f} ms, creates that arrive at random during {SIMULATED_SECONDS} s\n"
        )
        _print_table("creates a second", RATES, seconds, _arrivals)
        print(f"\nTransactions of {1000 * seconds:.0f} ms, creates that arrive at the same moment\n")
        _print_table("creates at once", BURSTS, seconds, lambda count: [0.0] * count)


def _print_table(name: str, numbers: Sequence[int], seconds: float, starts: Callable[[int], list[float]]) -> None:
    headings = (name, "attempts", "median ms", "99 % ms", "longest ms", "503")
    print(_row(headings), _row(["--:"] * len(headings)), sep="\n")
    for number in numbers:
        simulation = Simulation(seconds)
        simulation.time.run(starts(number), simulation.create)
        print(_row([str(number), *simulation.cells()]), flush=True)


def _arrivals(rate: int) -> list[float]:
    return list(_times(random.Random(rate), rate))


def _times(source: random.Random, rate: int) -> Iterator[float]:
    now = source.expovariate(rate)
    while now < SIMULATED_SECONDS:
        yield now
        now += source.expovariate(rate)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
