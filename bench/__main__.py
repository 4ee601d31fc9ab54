"""`make bench`: the CPU time of requests, compared with bare boto3 handlers and other frameworks, batches and deletion.

CPU time is measured instead of elapsed time, and the two sides of a ratio are measured alternately, so that load on the
machine affects both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.deletion import arguments
from bench.peers.environments import NotInstalled, python_of
from bench.profile import format_shares
from bench.scenario import REQUESTS, TABLES
from bench.sides import BARE, OURS, PEERS

COLD_ROUNDS = 10
COMPARED_OPERATIONS = ("create_bucket", "get_bucket")
COLD_OPERATIONS = (*COMPARED_OPERATIONS, "receive_webhook")
ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    # Without variables such as PYTHONDONTWRITEBYTECODE: sources are compiled once, as in the package.
    **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BUCKETS_", "PYTHON"))},
    **TABLES,
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",  # as in the packaged function
}


def main() -> None:
    """Measures and prints the tables. Exits with code 1 if a deletion was incomplete."""
    sizes = arguments().parse_args()
    _calls()
    print("Calls, capacity units, CPU time and price of each operation")
    _python(sys.executable, "bench.cost")
    print("  written to docs/reference/cost.md", flush=True)
    subprocess.run(
        [sys.executable, "-m", "bench.batches", "--objects", str(sizes.batch)], cwd=ROOT, env=ENVIRONMENT, check=True
    )
    deletion = ["bench.deletion", "--objects", str(sizes.objects), "--buckets", str(sizes.buckets)]
    sys.exit(subprocess.run([sys.executable, "-m", *deletion], cwd=ROOT, env=ENVIRONMENT, check=False).returncode)


def _calls() -> None:
    """Records responses of AWS, measures requests with them, and prints the tables."""
    with tempfile.TemporaryDirectory() as folder:
        responses = str(Path(folder) / "responses.json")
        _python(sys.executable, "bench.scenario", responses)
        pythons = _pythons()
        print("Warm invocation, CPU microseconds, and the ratio to the bare boto3 handler")
        for name in REQUESTS:
            for side, python in pythons.items():
                if side == OURS or name in COMPARED_OPERATIONS:
                    found = _json(python, "bench.warm", side, name, responses)
                    _print_row(name, side, found["own"], found["bare"], found["ratio"])
        print("Cold start, CPU milliseconds from interpreter start to the response, and the ratio to the bare handler")
        for name in COLD_OPERATIONS:
            for side, python in pythons.items():
                if side == OURS or name in COMPARED_OPERATIONS:
                    _print_row(name, side, *_cold(python, side, name, responses))
        print("CPU time of a warm invocation, by part of the program")
        for name in REQUESTS:
            print(format_shares(name, _json(sys.executable, "bench.profile", name, responses)))


def _pythons() -> dict[str, str]:
    """Returns the Python interpreter of each side whose packages can be installed."""
    found = {OURS: sys.executable}
    for peer in PEERS:
        try:
            found[peer] = str(python_of(peer))
        except NotInstalled as error:
            print(f"Skipping {peer}, which could not be installed: {error}")
    return found


def _print_row(name: str, side: str, own: float, bare: float, ratio: float) -> None:
    print(f"  {name:13} {side:10} {own:7.0f}   bare {bare:7.0f}   ratio {ratio:.2f}", flush=True)


def _cold(python: str, side: str, name: str, responses: str) -> tuple[float, float, float]:
    pairs = []
    for number in range(COLD_ROUNDS + 1):
        pair = [_json(python, "bench.cold", each, name, responses)["milliseconds"] for each in (side, BARE)]
        if number:  # the first round compiles the sources
            pairs.append(pair)
    ratio = statistics.median(own / bare for own, bare in pairs)
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs), ratio


def _json(python: str, *arguments: str) -> Any:
    return json.loads(_python(python, *arguments).splitlines()[-1])


def _python(python: str, *arguments: str) -> str:
    done = subprocess.run(
        [python, "-m", *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        check=False,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stderr


if __name__ == "__main__":
    main()
