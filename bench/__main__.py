"""`make bench`: what a call costs, as ratios to bare boto3 handlers that make the same calls.

CPU time is measured, not elapsed time, and both sides in turn, so a busy machine shifts both alike.
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

from bench.profile import where_the_time_goes
from bench.scenario import REQUESTS, TABLES

COLD_ROUNDS = 10
ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    # Compiled once, as in the package: what a variable like PYTHONDONTWRITEBYTECODE forbids.
    **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BUCKETS_", "PYTHON"))},
    **TABLES,
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",  # as the packaged function has it
}


def main() -> None:
    """Records the answers, measures, prints the tables."""
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers.json"
        _python("bench.scenario", str(answers))
        print("Warm invocation, CPU microseconds, and the ratio to the bare handler")
        for name in REQUESTS:
            found = _json("bench.warm", name, str(answers))
            print(f"  {name:13} ours {found['ours']:7.0f}   bare {found['bare']:7.0f}   ratio {found['ratio']:.2f}")
        print(
            "Cold start, CPU milliseconds from the interpreter's start to the answer, and the ratio to the bare handler"
        )
        for name in ("create_bucket", "get_bucket"):
            ours, bare, ratio = _cold(name, str(answers))
            print(f"  {name:13} ours {ours:7.0f}   bare {bare:7.0f}   ratio {ratio:.2f}")
        print("Where the time of a warm invocation goes")
        for name in REQUESTS:
            print(where_the_time_goes(name, _json("bench.profile", name, str(answers))))
    print("What each operation costs")
    _python("bench.cost")
    print("  written to docs/cost.md")


def _cold(name: str, answers: str) -> tuple[float, float, float]:
    pairs = []
    for number in range(COLD_ROUNDS + 1):
        pair = [_json("bench.cold", side, name, answers)["milliseconds"] for side in ("ours", "bare")]
        if number:  # the first round compiles
            pairs.append(pair)
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs), ratio


def _json(*arguments: str) -> Any:
    return json.loads(_python(*arguments).splitlines()[-1])


def _python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
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
