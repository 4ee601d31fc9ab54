"""The tables of the page about logs agree with the lines that the service writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from chalicelib.core.metrics import METRICS
from deployment.merge_template.dashboard import TABLES
from deployment.merge_template.queries import QUERIES
from tests.support.log import Log
from tests.support.stage_log import new_stage_log
from tests.support.world import World, bucket_body

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "logs.md").read_text()
# Calls of `log`, with the message as their first argument.
CALL = re.compile(r"\blog\(\s*\"([^\"]+)\"")


def first_cells(heading: str) -> list[str]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_the_page_lists_the_fields_of_the_line_of_a_request(world: World, log: Log) -> None:
    world.api().post("/v1/buckets", bucket_body())
    world.api().get("/v1/buckets/none")
    common = [name for name in first_cells("Fields of every line") if name not in ("request_id", "exception")]
    for line in log.lines:
        assert list(line) == [*common, *first_cells("The line of a request")]


def test_the_page_lists_the_fields_of_metrics(world: World) -> None:
    with new_stage_log() as stage:
        stage.send(world, world.api(), "GET", "/v1/buckets")
    line = json.loads(stage.lines["ApiLogGroup"][1])
    assert list(line)[-len(METRICS) - 2 :] == first_cells("Metrics in the line of a request")


def test_the_guide_lists_every_metric_and_every_query() -> None:
    guide = (ROOT / "docs" / "how-to" / "monitoring.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \|(?: `(\w+)` \|)?", guide, re.MULTILINE)
    metrics = [(metric["Name"], "") for metric in METRICS]
    assert listed == [*metrics, *((query.title, query.log_group) for query in QUERIES)]
    assert all(f"`{table.title}`" in guide.partition("## The dashboard")[2].partition("\n## ")[0] for table in TABLES)


def test_the_page_lists_every_message() -> None:
    files = [*(ROOT / "chalicelib").rglob("*.py"), ROOT / "app.py"]
    messages = {message for path in files for message in CALL.findall(path.read_text())}
    assert messages == {*first_cells("Other lines"), "request"}
