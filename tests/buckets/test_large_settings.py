"""Large settings have a row of their own: clients see no difference, whatever changes and whenever it does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import all_of, begins_with, equals
from chalicelib.aws.dynamodb.writes import Put
from chalicelib.buckets.bucket import FoundBucket
from chalicelib.buckets.settings_reader import SettingsReader
from chalicelib.buckets.settings_rows import MAX_INLINE_BYTES
from chalicelib.wiring import build
from tests.deletion.conftest import new_work
from tests.support.api import Api
from tests.support.catalog import catalog, partition_of
from tests.support.world import World, bucket_body

LARGE = "x" * 3 * MAX_INLINE_BYTES


def create(api: Api, name: str, **fields: Any) -> str:
    reply = api.post("/v1/buckets", bucket_body(name, **fields))
    assert reply.status == 200, reply.text
    return str(reply.json["bucket_id"])


def remove(world: World, api: Api, *buckets: str) -> None:
    """Deletes buckets without objects, and runs the tasks that do so."""
    for bucket in buckets:
        begun = api.call("DELETE", f"/v1/buckets/{bucket}")
        assert begun.status == 200, begun.text
        new_work(world).complete(begun.json["task_id"])


def settings_rows(world: World) -> list[str]:
    """The sort keys of the rows of settings."""
    where = all_of(equals("pk", partition_of(world)), begins_with("sk", "SETTINGS#"))
    return [row["sk"] for row in catalog(world).query(where)]


def listed(api: Api, **body: Any) -> list[dict[str, Any]]:
    reply = api.post("/v1/buckets/list", {"limit": 100, **body})
    assert reply.status == 200, reply.text
    rows: list[dict[str, Any]] = reply.json["results"]
    return rows


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "description": st.sampled_from(["", "short", LARGE, "é" * MAX_INLINE_BYTES]),
        "metadata": st.sampled_from([{}, {"rank": 1}, {"rank": 2, "text": LARGE}]),
        "storage_class": st.sampled_from(["standard", "archive"]),
    },
)


def _rank_of(shown: dict[str, Any]) -> dict[str, Any]:
    """A filter on the rank of the bucket, if it has one."""
    return {"metadata.rank": rank} if (rank := (shown["metadata"] or {}).get("rank")) is not None else {}


@given(created=FIELDS, changes=st.lists(FIELDS, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_settings_of_any_size_are_read_as_they_were_written(
    world: World, api: Api, created: dict[str, Any], changes: list[dict[str, Any]]
) -> None:
    bucket = create(api, "b", **created)
    other = create(api, "other")
    expected = api.get(f"/v1/buckets/{bucket}").json
    for change in changes:
        expected |= change
        assert api.patch(f"/v1/buckets/{bucket}", change).status == 200
        shown = api.get(f"/v1/buckets/{bucket}").json
        assert {**shown, "updated_at": None} == {**expected, "updated_at": None}
        filters = {"storage_class": shown["storage_class"], **_rank_of(shown)}
        assert shown in listed(api, filters={name: value for name, value in filters.items() if value is not None})
        assert shown in listed(api, search=(shown["description"] or "b")[:400])
        assert [row["bucket_id"] for row in listed(api)] == [other, bucket]
    is_large = len(json.dumps([expected["description"], expected["metadata"]], ensure_ascii=False)) > MAX_INLINE_BYTES
    assert settings_rows(world) == ([f"SETTINGS#{bucket}"] if is_large else [])
    remove(world, api, bucket, other)
    assert settings_rows(world) == []


@pytest.mark.parametrize(
    "body",
    [
        {"filters": {"bucket_schema.properties.title.type": "string"}},
        {"filters": {"metadata.text": LARGE}},
        {"filters": {"field": "description", "operator": "contains", "value": "needle"}},
        {"search": "needle"},
        {"sort": {"field": "metadata.text"}, "filters": {"metadata.text": LARGE}},
        {"sort": {"field": "bucket_name"}, "search": "needle"},
    ],
)
def test_lists_find_what_only_the_row_of_the_settings_has(api: Api, body: dict[str, Any]) -> None:
    create(api, "small", bucket_schema={"properties": {"other": {"type": "number"}}})
    large = create(api, "large", description=f"{LARGE} needle", metadata={"text": LARGE})

    [found] = listed(api, **body)

    assert found == api.get(f"/v1/buckets/{large}").json


def in_old_form(world: World, bucket: str) -> None:
    """Writes the row of a bucket as earlier versions did: with all settings in it."""
    partition, table = partition_of(world), catalog(world)
    row, separate = (table.get(key(partition, bucket)) or {} for key in (keys.bucket, keys.bucket_settings))
    kept = {name: value for name, value in row.items() if name not in ("settings_digest", "settings_bytes", "summary")}
    table.write(Put({**kept, "settings": separate["settings"]}))
    table.delete_many([keys.bucket_settings(partition, bucket)])


@pytest.mark.parametrize("use", ["patch", "rename", "delete"])
def test_rows_of_earlier_versions_are_read_and_written_without_a_migration(world: World, api: Api, use: str) -> None:
    bucket = create(api, "b", description=LARGE, metadata={"rank": 1})
    path = f"/v1/buckets/{bucket}"
    before = api.get(path).json
    in_old_form(world, bucket)

    assert api.get(path).json == before
    assert listed(api, filters={"metadata.rank": 1}) == [before]
    assert settings_rows(world) == []
    if use == "delete":
        remove(world, api, bucket)
        assert api.get(path).status == 404
    else:
        change = {"metadata": {"rank": 2}} if use == "patch" else {"bucket_name": "c"}
        assert api.patch(path, change).status == 200
        assert api.get(path).json["description"] == LARGE
        assert settings_rows(world) == [f"SETTINGS#{bucket}"]


def other_process(world: World) -> World:
    """The same tables, used by a process that has read nothing yet."""
    services = build(world.settings, world.client, lambda: world.s3, clock=world.clock)
    return replace(world, services=services)


def before_first_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Acts once after the row of a bucket was read, and before the row of its settings is."""
    read, acts = SettingsReader.completed, [act]

    def completed(self: SettingsReader, partition: str, found: list[FoundBucket]) -> Iterator[FoundBucket | None]:
        if acts:
            acts.pop()()
        return read(self, partition, found)

    monkeypatch.setattr(SettingsReader, "completed", completed)


@pytest.mark.parametrize("reads", ["get", "list", "filter"])
@pytest.mark.parametrize("change", [{"description": f"{LARGE}2"}, {"description": "short"}])
def test_a_change_between_the_reads_of_both_rows_is_seen(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, reads: str, change: dict[str, Any]
) -> None:
    bucket = create(api, "b", description=LARGE)
    other = other_process(world).api()
    before_first_read(monkeypatch, lambda: other.patch(f"/v1/buckets/{bucket}", change))
    if reads == "get":
        shown = [api.get(f"/v1/buckets/{bucket}").json]
    else:
        filters = {"bucket_schema.properties.title.type": "string"} if reads == "filter" else None
        shown = listed(api, filters=filters)
    assert [row["description"] for row in shown] == [change["description"]]


@pytest.mark.parametrize("reads", ["get", "list"])
def test_a_bucket_that_is_removed_between_the_reads_of_both_rows_is_absent(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch, reads: str
) -> None:
    bucket = create(api, "b", description=LARGE)

    other = other_process(world)
    before_first_read(monkeypatch, lambda: remove(other, other.api(), bucket))
    if reads == "get":
        assert api.get(f"/v1/buckets/{bucket}").status == 404
    else:
        assert listed(api) == []
