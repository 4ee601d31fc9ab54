"""The page about events agrees with the code."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.events.event import MAX_TEXT_CHARS, to_cloud_event
from chalicelib.events.reading import read_event
from chalicelib.local.event_file import EVENTS_FILE, MAX_FILE_BYTES, OLDER_FILE
from tests.docs.markdown import DOCS, blocks
from tests.events.records import batch_row, bucket_row, delivery_row, object_row, record

PATH = DOCS / "reference" / "events.md"
PAGE = PATH.read_text()
PENDING = batch_row(TaskStatusEnum.PENDING)
COMMON = {"organization_id", "namespace_id", "bucket_id"}
# A change of each type.
CHANGES: dict[str, tuple[Any, Any]] = {
    "object.created": (None, object_row()),
    "object.updated": (object_row(), object_row(revision=2)),
    "object.deleted": (object_row(), None),
    "bucket.created": (None, bucket_row()),
    "bucket.updated": (bucket_row(), bucket_row(revision=2)),
    "bucket.deleted": (bucket_row(), None),
    "batch.completed": (PENDING, batch_row(TaskStatusEnum.COMPLETED)),
    "batch.failed": (PENDING, batch_row(TaskStatusEnum.FAILED)),
    "batch.canceled": (PENDING, batch_row(TaskStatusEnum.CANCELED)),
    "adapter.delivery.parked": (None, delivery_row("PARKED")),
}


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def event_of(type_: str) -> dict[str, Any]:
    event = read_event(record(*CHANGES[type_]))
    assert event is not None
    return to_cloud_event(event)


def attributes_on_page() -> dict[str, set[str]]:
    """Returns the attributes of each type, besides those of all events."""
    found: dict[str, set[str]] = {}
    for types, text in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|$", section("Data"), re.MULTILINE):
        named = set(re.findall(r"`(\w+)`", text.partition(". ")[0]))
        is_deletion = types == "`object.deleted`"  # "the same" as for the other events about objects
        for type_ in re.findall(r"`([\w.]+)`", types):
            found[type_] = named | found["object.created"] if is_deletion else named
    return found


def test_the_page_lists_every_type() -> None:
    assert re.findall(r"^\| `([\w.]+)` \|", section("Types"), re.MULTILINE) == list(CHANGES)


@pytest.mark.parametrize("type_", CHANGES)
def test_the_page_lists_the_attributes_of_each_type(type_: str) -> None:
    event = event_of(type_)
    assert event["type"] == type_
    assert set(event["data"]) == attributes_on_page()[type_] | COMMON


def test_the_example_has_the_form_of_an_event() -> None:
    (example,) = (json.loads(block.text) for block in blocks(PATH) if block.language == "json")
    event = event_of(example["type"])
    assert list(example) == list(event)
    assert list(example["data"]) == list(event["data"])


def test_the_page_has_the_limits_of_the_code() -> None:
    assert f"more than {MAX_TEXT_CHARS:,} characters".replace(",", " ") in PAGE
    assert f"{MAX_FILE_BYTES // 1_000_000} MB" in PAGE
    assert f"`{EVENTS_FILE}`" in PAGE
    assert f"`{OLDER_FILE}`" in PAGE
