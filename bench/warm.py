"""One process that measures warm invocations: those of one side and the bare handler's in turn."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench.network import answer_from
from bench.scenario import event
from bench.sides import BARE, Handler, handler

INVOCATIONS = 100
ROUNDS = 25


def measure(side: str, name: str, recorded: dict[str, Any]) -> dict[str, float]:
    """CPU microseconds of one invocation, of this side and bare, and the median ratio of neighbouring rounds."""
    answer_from({kind: body.encode() for kind, body in recorded["answers"][name].items()})
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


def _round(answer: Handler, request: dict[str, Any]) -> float:
    started = time.process_time_ns()
    for _ in range(INVOCATIONS):
        answer(request, None)
    return (time.process_time_ns() - started) / INVOCATIONS / 1000


if __name__ == "__main__":
    result = measure(sys.argv[1], sys.argv[2], json.loads(Path(sys.argv[3]).read_text()))
    print(json.dumps(result), file=sys.stderr)
