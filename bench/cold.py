"""A process that handles one request, as in a cold start. Work of the Lambda service is not included.

It prints the CPU time from the start of the interpreter to the response. The shutdown of the process is not included.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.network import replay
from bench.scenario import event
from bench.sides import handler


def main(side: str, name: str, path: str) -> None:
    """Imports one side and calls it once."""
    recorded = json.loads(Path(path).read_text())
    replay({kind: body.encode() for kind, body in recorded["responses"][name].items()})
    request = event(name, recorded["ids"])
    response = handler(side, name)(request, None)
    taken = time.process_time()
    assert response["statusCode"] == 200, response
    print(json.dumps({"milliseconds": taken * 1000}), file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
