"""Measures lists of growing size on DynamoDB Local, and writes the section of docs/reference/cost.md about them.

    python -m bench.scale --buckets 100,1000 --objects 1000

Prints tables in Markdown: calls, read units, CPU and time of each request at each size, and the growth laws. Only a run
without options changes the page. With options, only what they name is measured. Exits with code 1 if a list took longer
than its time limit.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from bench.scale.lists import SUBJECTS
from bench.scale.measuring import Sample, measure
from bench.scale.page import write_section
from bench.scale.pages import MegabytePages
from bench.scale.report import growth, tables
from bench.scale.world import World
from chalicelib.aws.clients import dynamodb_client
from chalicelib.core import log
from chalicelib.http.operation import REQUEST_TIME_LIMIT_SECONDS
from chalicelib.settings import Settings
from tests.engines import dynamodb_local
from tests.engines.servers import Unavailable

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def main() -> None:
    """Measures, and prints the results."""
    sizes = {name: given for name, given in vars(arguments().parse_args()).items() if given is not None}
    try:
        dynamodb_local.prepare()
    except Unavailable as reason:
        sys.exit(f"make bench-scale: {reason}")
    log.configure("CRITICAL")
    signal.signal(signal.SIGTERM, _end)
    with dynamodb_local.running() as url:
        os.environ.update(CREDENTIALS, AWS_ENDPOINT_URL_DYNAMODB=url)
        samples = _measure(sizes)
    print(tables(samples), growth(samples), sep="\n")
    if not sizes:
        write_section(samples)
    late = [sample for sample in samples if sample.slowest_ms > 1000 * REQUEST_TIME_LIMIT_SECONDS]
    for sample in late:
        say(f"{sample.subject}, {sample.request}, {sample.size} rows: {sample.slowest_ms / 1000:.1f} seconds")
    if late:
        sys.exit(f"{len(late)} requests took longer than {REQUEST_TIME_LIMIT_SECONDS:g} seconds")


def arguments() -> argparse.ArgumentParser:
    """Returns the parser of the sizes. Each option is a list of numbers, for example `--buckets 100,1000`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for subject in SUBJECTS:
        shown = ",".join(map(str, subject.sizes))
        parser.add_argument(f"--{subject.option}", type=_sizes, help=f"{subject.name}, by default {shown}")
    return parser


def _sizes(text: str) -> list[int]:
    return sorted(map(int, text.split(",")))


def _measure(sizes: dict[str, list[int]]) -> list[Sample]:
    client = dynamodb_client(Settings())
    world = World(client)
    world.disable_streams()
    MegabytePages(client, dynamodb_client(Settings()))
    samples: list[Sample] = []
    for subject in SUBJECTS:
        given: Sequence[int] = sizes.get(subject.option.replace("-", "_"), ()) if sizes else subject.sizes
        samples += measure(world, subject, given, say)
    return samples


def _end(number: int, frame: Any) -> NoReturn:
    """Exits on a signal, so that the engine is stopped as well."""
    sys.exit(128 + number)


def say(line: str) -> None:
    """Prints a line about the progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
