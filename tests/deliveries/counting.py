"""Counts what the delivery log and the list of batches show, to compare it with the counters of the status route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.api import Api

PAGE = 100


def delivery_log(api: Api, bucket: str, **body: Any) -> list[dict[str, Any]]:
    """Returns all deliveries of a bucket, newest first, read page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        path = f"/v1/buckets/{bucket}/source-adapter/deliveries/list"
        response = api.post(path, {"limit": PAGE, **body, **cursor})
        assert response.status == 200, response.text
        found += response.json["results"]
        if response.json["pagination"]["next_cursor"] is None:
            return found
        cursor = {"cursor": response.json["pagination"]["next_cursor"]}


def batches_of(api: Api, bucket: str) -> list[dict[str, Any]]:
    """Returns the batches of a bucket that were made of windows, with the ids of their objects."""
    response = api.post(f"/v1/buckets/{bucket}/batches/list", {"limit": PAGE})
    assert response.status == 200, response.text
    ids = [each["batch_id"] for each in response.json["results"]]
    found = [api.get(f"/v1/buckets/{bucket}/batches/{batch_id}").json for batch_id in ids]
    return [batch for batch in found if (batch["metadata"] or {}).get("source") == "source_adapter"]


def counted(log: Sequence[dict[str, Any]], batches: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Returns the counters that this log and these batches lead to."""

    def number(**wanted: str) -> int:
        return sum(all(each[name] == value for name, value in wanted.items()) for each in log)

    created, updated = number(state="APPLIED", result="created"), number(state="APPLIED", result="updated")
    duplicate = number(state="APPLIED", result="duplicate") + sum(each["repeats"] for each in log)
    ignored, parked = number(state="IGNORED"), number(state="PARKED")
    return {
        "events_received": created + updated + duplicate + ignored + parked,
        "events_accepted": created + updated,
        "events_duplicate": duplicate,
        "events_ignored": ignored,
        "events_rejected": parked,
        "objects_created": created,
        "batches_submitted": sum(batch["status"] != "DRAFT" for batch in batches),
    }


def check_counters(api: Api, bucket: str) -> None:
    """Checks that the status route shows what the delivery log and the batches lead to. The streams are delivered."""
    response = api.get(f"/v1/buckets/{bucket}/source-adapter/status")
    assert response.status == 200, response.text
    assert response.json["stats"] == counted(delivery_log(api, bucket), batches_of(api, bucket))
