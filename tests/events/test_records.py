"""What each record of the streams means."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.statuses import TaskStatusEnum
from chalicelib.events.event import MAX_TEXT_CHARS, Event, to_cloud_event
from chalicelib.events.feed import EventFeed
from chalicelib.events.reading import events_in, read_event
from chalicelib.local.events.wiring import matches_catalog_filter
from deployment.merge_template.functions import CATALOG_CHANGES
from tests.events.records import BUCKET, TIME, batch_row, bucket_row, delivery_row, object_row, record
from tests.support.event_patterns import matches
from tests.support.log import Log

COMPLETED, FAILED, CANCELED = TaskStatusEnum.COMPLETED, TaskStatusEnum.FAILED, TaskStatusEnum.CANCELED
PENDING, WITH_ERRORS = TaskStatusEnum.PENDING, TaskStatusEnum.COMPLETED_WITH_ERRORS
GONE = {"state": "disabled", "reason": "rights ended"}
IDS = {"organization_id": "int_1", "namespace_id": "ns_1", "bucket_id": BUCKET}


def sent(old: Any, new: Any) -> Event:
    event = read_event(record(old, new))
    assert event is not None
    return event


@pytest.mark.parametrize(
    ("old", "new", "type_"),
    [
        (None, object_row(), "object.created"),
        (object_row(), object_row(revision=2, status="FAILED"), "object.updated"),
        (object_row(), object_row(revision=2, soft_deleted=GONE), "object.deleted"),
        (object_row(), None, "object.deleted"),
        (None, bucket_row(), "bucket.created"),
        (bucket_row(), bucket_row(revision=2), "bucket.updated"),
        (bucket_row(revision=2, status="IN_PROGRESS"), None, "bucket.deleted"),
        (batch_row(PENDING), batch_row(COMPLETED), "batch.completed"),
        (batch_row(PENDING), batch_row(WITH_ERRORS), "batch.completed"),
        (batch_row(PENDING), batch_row(FAILED), "batch.failed"),
        (batch_row(PENDING), batch_row(CANCELED), "batch.canceled"),
        (None, delivery_row("PARKED"), "adapter.delivery.parked"),
        (delivery_row("IGNORED"), delivery_row("PARKED"), "adapter.delivery.parked"),
        (delivery_row("PARKED"), delivery_row("PARKED", attempt=2), "adapter.delivery.parked"),
    ],
)
def test_these_changes_send_events(old: Any, new: Any, type_: str) -> None:
    assert sent(old, new).type == type_


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (object_row(), object_row(epoch=1, write_id="2")),
        (object_row(soft_deleted=GONE), object_row(soft_deleted=GONE, epoch=1)),
        (object_row(soft_deleted=GONE), None),
        (None, object_row(soft_deleted=GONE)),
        (bucket_row(), bucket_row(in_use=True)),
        (bucket_row(in_use=True), bucket_row(unused_since=TIME)),
        (bucket_row(), bucket_row(revision=2, status="IN_PROGRESS", deletion_task="task_1")),
        (bucket_row(revision=2, status="IN_PROGRESS"), bucket_row(revision=3, status="IN_PROGRESS")),
        (None, batch_row(PENDING)),
        (batch_row(COMPLETED), batch_row(COMPLETED, report_key="batches/report")),
        (batch_row(COMPLETED), batch_row(PENDING, epoch=2)),
        (batch_row(COMPLETED), None),
        (None, delivery_row("APPLIED")),
        (delivery_row("PARKED"), delivery_row("PARKED", repeats=3)),
        (delivery_row("PARKED"), delivery_row("APPLIED", attempt=2)),
        (delivery_row("PARKED"), None),
        (None, {"pk": "NS#int_1.ns_1", "sk": "BKT#bkt_1#TALLY", "object_count": 1}),
        (None, {"pk": "NS#int_1.ns_1", "sk": "#TOTALS", "bucket_count": 1}),
        (None, {"pk": "ORG#int_1", "sk": "BATCH#btch_1", "status": "COMPLETED"}),
        (None, {"pk": "BATCHES#int_1.ns_1.bkt_1", "sk": "BATCH#btch_1#TALLY"}),
        (None, {"pk": "DELIVERIES#int_1.ns_1.bkt_1", "sk": "#COUNTERS", "state": "PARKED"}),
    ],
)
def test_these_changes_send_no_event(old: Any, new: Any) -> None:
    assert read_event(record(old, new)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, bucket_row()),
        (bucket_row(), bucket_row(revision=2)),
        (bucket_row(), None),
        (batch_row(PENDING), batch_row(COMPLETED)),
        (None, delivery_row("PARKED")),
        (delivery_row("PARKED"), delivery_row("PARKED", attempt=2)),
    ],
)
def test_the_filter_of_the_catalogs_stream_accepts_what_is_an_event(old: Any, new: Any) -> None:
    change = record(old, new)
    assert matches_catalog_filter(change)
    assert any(matches(pattern, change) for pattern in CATALOG_CHANGES)


def test_an_event_is_a_cloud_event() -> None:
    changed = record(object_row(), object_row(revision=2, status="COMPLETED", updated_at="2026-01-01T00:00:05.000Z"))
    event = read_event(changed)
    assert event is not None
    assert to_cloud_event(event) == {
        "specversion": "1.0",
        "id": event.id,
        "source": "buckets-api",
        "type": "object.updated",
        "subject": "buckets/bkt_1/objects/obj_1",
        "time": "2026-01-01T00:00:05.000Z",
        "datacontenttype": "application/json",
        "data": {
            **IDS,
            "object_id": "obj_1",
            "revision": 2,
            "status": "COMPLETED",
            "size_bytes": 0,
            "schema_version": 1,
            "created_at": TIME,
            "updated_at": "2026-01-01T00:00:05.000Z",
        },
    }


def test_the_data_of_the_other_types() -> None:
    timestamps = {"created_at": TIME, "updated_at": TIME}
    assert sent(None, bucket_row()).data == {
        **IDS,
        **timestamps,
        "bucket_name": "reels",
        "revision": 1,
        "schema_version": 1,
    }
    assert sent(object_row(), None).data["soft_deleted"] is False
    ended = sent(batch_row(PENDING), batch_row(FAILED, reason="3 of 3 objects failed", totals={"network": 3})).data
    assert {name: ended[name] for name in IDS} == IDS
    assert (ended["batch_id"], ended["status"], ended["run"]) == ("btch_1", "FAILED", 1)
    assert (ended["failure_reason"], ended["progress"]["errors"]) == ("3 of 3 objects failed", 3)
    assert sent(None, delivery_row("PARKED")).data == {
        **IDS,
        "delivery_id": "dlv_1",
        "adapter_type": "mux",
        "event_type": "video.ready",
        "reason": "mapping_failed",
        "attempt": 1,
    }


def test_a_removal_has_the_time_of_its_record() -> None:
    assert sent(object_row(updated_at="2025-12-31T00:00:00.000Z"), None).time == TIME


def test_an_event_has_no_content_and_no_secrets() -> None:
    webhook = {"url": "https://example.com/done?token=secret", "secret": "secret text"}
    for old, new in (
        (None, object_row()),
        (object_row(), None),
        (None, bucket_row()),
        (batch_row(PENDING), batch_row(COMPLETED, webhook=webhook)),
        (None, delivery_row("PARKED", body="secret", headers={"authorization": "secret"})),
    ):
        assert "secret" not in json.dumps(to_cloud_event(sent(old, new)))


def test_a_long_text_of_another_system_is_cut() -> None:
    data = sent(None, delivery_row("PARKED", event_type="x" * 100_000)).data
    assert data["event_type"] == "x" * MAX_TEXT_CHARS


def test_the_id_is_that_of_the_record_in_its_stream() -> None:
    one, other = record(None, object_row()), record(None, object_row())
    elsewhere = {**one, "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/other/stream/1"}
    ids = [event.id for each in (one, other, elsewhere, dict(one)) if (event := read_event(each))]
    assert len(set(ids)) == 3
    assert ids[0] == ids[3]
    assert all(each.startswith("evt_") and len(each) == 36 for each in ids)


DAMAGED: list[Callable[[], dict[str, Any]]] = [
    lambda: record(None, object_row(ns="elsewhere")),
    lambda: record(None, object_row(status=None)),
    lambda: record(object_row(), object_row(revision="two")),
    lambda: record(bucket_row(revision=None), bucket_row(revision=2)),
    lambda: record(None, bucket_row(bucket_name=7)),
    lambda: record(None, bucket_row(pk="elsewhere")),
    lambda: record(batch_row(PENDING), batch_row(COMPLETED, metadata="{")),
    lambda: record(batch_row(PENDING), batch_row(COMPLETED, totals={"unknown": 1})),
    lambda: record(batch_row(PENDING), batch_row(COMPLETED, started_at="yesterday")),
    lambda: record(batch_row(PENDING), batch_row(COMPLETED, ended_at=None)),
    lambda: record(None, delivery_row("PARKED", attempt="twice")),
    lambda: record(None, delivery_row("PARKED", pk="DELIVERIES#no-dots")),
    lambda: without_time(record(object_row(), None)),
]


def without_time(damaged: dict[str, Any]) -> dict[str, Any]:
    del damaged["dynamodb"]["ApproximateCreationDateTime"]
    return damaged


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_damaged_row_is_logged_and_does_not_stop_the_stream(damaged: Callable[[], dict[str, Any]], log: Log) -> None:
    good, bad = record(None, object_row()), damaged()
    assert [found.record for found in events_in([bad, good])] == [good]
    (line,) = log.lines
    assert (line["level"], line["message"]) == ("ERROR", "An event cannot be described")
    assert line["sequence"].endswith(bad["dynamodb"]["SequenceNumber"])


ACTIONS = st.lists(st.sampled_from(["write", "count again", "soft-delete", "remove"]), max_size=30)


def history(actions: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the records of a row that is changed in this way, and the types of the events that clients must see."""
    records, types = [], []
    row: dict[str, Any] | None = None
    for action in actions:
        old, is_visible = row, row is not None and row["soft_deleted"] is None
        if action == "remove":
            row = None
            types += ["object.deleted"] * is_visible
        elif action == "write" and (row is None or is_visible):
            row = object_row(revision=1 if old is None else old["revision"] + 1)
            types.append("object.created" if old is None else "object.updated")
        elif row is not None and action == "soft-delete" and is_visible:
            row = {**row, "soft_deleted": GONE, "revision": row["revision"] + 1}
            types.append("object.deleted")
        elif row is not None and action == "count again":
            row = {**row, "epoch": row["epoch"] + 1}
        if row != old:
            records.append(record(old, row))
    return records, types


class Keeps:
    """Keeps the events that it receives."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def send(self, events: Any) -> None:
        self.events += events


@given(ACTIONS, st.data())
def test_however_often_records_are_delivered_each_change_is_one_event(actions: list[str], data: st.DataObject) -> None:
    records, types = history(actions)
    deliveries = [records]
    while bool(records) and data.draw(st.booleans()):
        start = data.draw(st.integers(0, len(records) - 1))
        deliveries.append(records[start : start + data.draw(st.integers(1, 40))])
    kept = Keeps()
    for delivery in data.draw(st.permutations(deliveries)):
        for item in EventFeed(kept).work(delivery, "shard"):
            item.run()
    by_id = {event.id: event for event in kept.events}
    assert all(by_id[event.id] == event for event in kept.events)
    in_order = [event.id for each in records if (event := read_event(each))]
    assert [by_id[each].type for each in in_order] == types
    assert set(in_order) == set(by_id)
