"""One process that measures warm invocations: ours and the bare handler's in turn."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.network import answer_from
from bench.scenario import event

INVOCATIONS = 100
ROUNDS = 25


def measure(name: str, recorded: dict[str, Any]) -> dict[str, float]:
    """CPU microseconds of one invocation, ours and bare, and the median ratio of neighbouring rounds."""
    answer_from({kind: body.encode() for kind, body in recorded["answers"][name].items()})
    import app
    from bench import bare

    request = event(name, recorded["ids"])
    theirs = getattr(bare, name)
    for handler in (app.app, theirs):
        assert handler(request, None)["statusCode"] == 200, handler
        _round(handler, request)
    pairs = [(_round(app.app, request), _round(theirs, request)) for _ in range(ROUNDS)]
    return {
        "ours": statistics.median(ours for ours, _ in pairs),
        "bare": statistics.median(bare for _, bare in pairs),
        "ratio": statistics.median(ours / bare for ours, bare in pairs),
    }


def _round(handler: Callable[[Any, Any], Any], request: dict[str, Any]) -> float:
    started = time.process_time_ns()
    for _ in range(INVOCATIONS):
        handler(request, None)
    return (time.process_time_ns() - started) / INVOCATIONS / 1000


if __name__ == "__main__":
    result = measure(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))
    print(json.dumps(result), file=sys.stderr)
