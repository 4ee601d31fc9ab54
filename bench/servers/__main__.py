"""Measures the rates of the servers in turns, so that load on the machine affects all of them, and prints a table."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

from bench.servers.load import rate, send_all
from bench.servers.process import NotAvailable
from bench.servers.sides import SIDES, Side, local_server

OURS = "Buckets API"
Rates = dict[str, dict[str, list[float]]]


def main() -> None:
    """Fills each server, measures them, and kills and restarts the local server."""
    sizes = _arguments()
    with ExitStack() as stack:
        folders = {name: Path(stack.enter_context(tempfile.TemporaryDirectory())) for name in SIDES}
        with ExitStack() as servers:
            sides = _started(servers, folders)
            for name, side in sides.items():
                _fill(name, side, sizes)
            _print_table(_measure(sides, sizes), sizes)
            _fill_objects(sides[OURS], sizes)
            last = sides[OURS].ids[-1]
        # The servers have been killed.
        start = time.perf_counter()
        with local_server(folders[OURS]) as restarted, restarted.clients(1) as clients:
            clients[0].send(restarted.get(last))
            print(f"First response of the Buckets API after the kill: {time.perf_counter() - start:.1f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.servers")
    parser.add_argument("--records", type=int, default=5000, help="buckets in each server before the measurement")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="time for one operation of one server in a round")
    return parser.parse_args()


def _started(servers: ExitStack, folders: Mapping[str, Path]) -> dict[str, Side]:
    sides = {}
    for name, start in SIDES.items():
        try:
            sides[name] = servers.enter_context(start(folders[name]))
        except NotAvailable as reason:
            if name == OURS:
                raise
            print(f"Skipping {name}: {reason}", flush=True)
    return sides


def _fill(name: str, side: Side, sizes: argparse.Namespace) -> None:
    start = time.perf_counter()
    with side.clients(sizes.clients) as clients:
        side.ids = [side.id_of(response) for response in send_all(clients, map(side.create, range(sizes.records)))]
        for request in side.prepare:
            clients[0].send(request(side.ids[0]))
    print(f"{name} has {sizes.records} buckets after {time.perf_counter() - start:.0f} s", flush=True)


def _fill_objects(side: Side, sizes: argparse.Namespace) -> None:
    """Creates as many objects as there are buckets, in the first bucket."""
    with side.clients(sizes.clients) as clients:
        send_all(clients, map(side.create_object, repeat(side.ids[0]), range(sizes.records)))


def _measure(sides: Mapping[str, Side], sizes: argparse.Namespace) -> Rates:
    found: Rates = {}
    for _ in range(sizes.rounds):
        for name, side in sides.items():
            for operation, new_request in side.operations().items():
                with side.clients(sizes.clients) as clients:
                    measured = rate(clients, new_request, sizes.seconds)
                found.setdefault(operation, {}).setdefault(name, []).append(measured)
    return found


def _print_table(rates: Rates, sizes: argparse.Namespace) -> None:
    print(
        f"Requests per second with {sizes.clients} clients and {sizes.records} buckets, median of {sizes.rounds} rounds"
    )
    names = list(next(iter(rates.values())))
    print(f"  {'':20}", *(f"{name:>12}" for name in names))
    for operation, measured in rates.items():
        medians = [statistics.median(measured[name]) for name in names]
        print(f"  {operation:20}", *(f"{each:12.{0 if each >= 10 else 1}f}" for each in medians), flush=True)


if __name__ == "__main__":
    main()
