"""The CPU time of a warm invocation, by part of the program."""

from __future__ import annotations

import cProfile
import json
import pstats
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bench.network import replay
from bench.scenario import event

INVOCATIONS = 300
PARTS = (
    ("botocore", "botocore"),
    ("urllib3", "botocore"),
    ("pydantic", "pydantic"),
    ("chalicelib/aws", "table client"),
    ("chalicelib/core", "requests and responses"),
    ("chalicelib/http", "requests and responses"),
    ("chalicelib/listing", "requests and responses"),
    ("chalicelib", "resources"),
    ("chalice", "chalice"),
    ("logging", "log line"),
    ("json", "json"),
)


def measure(name: str, recorded: dict[str, Any]) -> dict[str, float]:
    """Returns the share of each part in percent of the profiled time."""
    replay({kind: body.encode() for kind, body in recorded["responses"][name].items()})
    import app

    request = event(name, recorded["ids"])
    app.app(request, None)
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(INVOCATIONS):
        app.app(request, None)
    profile.disable()
    spent: Counter[str] = Counter()
    for (path, _, function), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[_part(path, function)] += own
    total = sum(spent.values())
    return {part: round(100 * own / total, 1) for part, own in spent.most_common()}


def format_shares(name: str, shares: dict[str, float]) -> str:
    """Returns a line of the printed table."""
    return f"  {name:13} " + ", ".join(f"{part} {share:.0f}%" for part, share in shares.items() if share >= 1)


def _part(path: str, function: str) -> str:
    for piece, part in PARTS:
        if piece in path or piece in function:
            return part
    return "other"


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))), file=sys.stderr)
