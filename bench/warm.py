"""A process that measures warm invocations, alternating between one side and the bare handler."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench.network import replay
from bench.scenario import event
from bench.sides import BARE, Handler, handler

INVOCATIONS = 100
ROUNDS = 25


def measure(side: str, name: str, recorded: dict[str, Any]) -> dict[str, float]:
    """Returns the CPU microseconds per invocation of this side and the bare handler, and the median of their ratios."""
    replay({kind: body.encode() for kind, body in recorded["responses"][name].items()})
    request = event(name, recorded["ids"])
    own, bare = handler(side, name), handler(BARE, name)
    for each in (own, bare):
        assert each(request, None)["statusCode"] == 200, each
        _round(each, request)
    pairs = [(_round(own, request), _round(bare, request)) for _ in range(ROUNDS)]
    return {
        "own": statistics.median(own for own, _ in pairs),
        "bare": statistics.median(bare for _, bare in pairs),
        "ratio": statistics.median(own / bare for own, bare in pairs),
    }


def _round(call: Handler, request: dict[str, Any]) -> float:
    started = time.process_time_ns()
    for _ in range(INVOCATIONS):
        call(request, None)
    return (time.process_time_ns() - started) / INVOCATIONS / 1000


if __name__ == "__main__":
    result = measure(sys.argv[1], sys.argv[2], json.loads(Path(sys.argv[3]).read_text()))
    print(json.dumps(result), file=sys.stderr)
