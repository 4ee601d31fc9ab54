"""One process that answers one request: what a cold start is, but for Lambda's own part.

It tells the CPU it took from the start of the interpreter to the answer. What follows, taking the process
apart again, is no part of a cold start.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.network import answer_from
from bench.scenario import event
from bench.sides import handler


def main(side: str, name: str, path: str) -> None:
    """Imports one side and lets it answer once."""
    recorded = json.loads(Path(path).read_text())
    answer_from({kind: body.encode() for kind, body in recorded["answers"][name].items()})
    request = event(name, recorded["ids"])
    answer = handler(side, name)(request, None)
    taken = time.process_time()
    assert answer["statusCode"] == 200, answer
    print(json.dumps({"milliseconds": taken * 1000}), file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
