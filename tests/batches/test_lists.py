"""Lists of batches: those of a bucket, and those of an organization."""

from __future__ import annotations

from typing import Any

import pytest

from tests.batches.scenes import Scene, add_batch, new_scene
from tests.support.api import Api, ApiResponse
from tests.support.batches import BatchWorld
from tests.support.objects import create_object_bucket

EVERYWHERE = "/v1/batches/list"


@pytest.fixture
def scene(run: BatchWorld) -> Scene:
    return new_scene(run, 1)


def of_bucket(scene: Scene) -> str:
    return f"/v1/buckets/{scene.bucket}/batches/list"


def more(scene: Scene, count: int) -> list[str]:
    """Creates further batches, and returns the ids of all batches, newest first."""
    made = [add_batch(scene.run, scene.bucket, scene.ids).batch_id for _ in range(count)]
    scene.run.streams()
    return [*reversed(made), scene.batch_id]


def listed(response: ApiResponse) -> list[str]:
    assert response.status == 200, response.text
    return [each["batch_id"] for each in response.json["results"]]


@pytest.mark.parametrize("everywhere", [True, False])
def test_paging_by_cursor_visits_each_batch_once_while_others_are_created(scene: Scene, *, everywhere: bool) -> None:
    ids = more(scene, 4)
    path = EVERYWHERE if everywhere else of_bucket(scene)
    seen: list[str] = []
    cursor = None
    while True:
        page = scene.api.post(path, {"limit": 2, "cursor": cursor})
        seen += listed(page)
        assert page.json["total_count"] >= 5
        cursor = page.json["pagination"]["next_cursor"]
        if cursor is None:
            break
        more(scene, 1)
    assert seen == ids


@pytest.mark.parametrize("everywhere", [True, False])
def test_an_offset_skips_batches(scene: Scene, *, everywhere: bool) -> None:
    ids = more(scene, 3)
    path = EVERYWHERE if everywhere else of_bucket(scene)
    assert listed(scene.api.post(path, {"offset": 1, "limit": 2})) == ids[1:3]
    assert listed(scene.api.post(path, {"offset": 4})) == []
    assert listed(scene.api.post(path)) == ids


def test_rows_of_a_list_have_neither_ids_nor_failures(scene: Scene) -> None:
    (row,) = scene.api.post(of_bucket(scene)).json["results"]
    assert (row["object_ids"], row["failed_objects"], row["object_count"]) == (None, None, 1)
    assert row["sample_object_ids"] == scene.ids


def test_a_status_selects_batches(scene: Scene) -> None:
    completed, pending = add_batch(scene.run, scene.bucket, scene.ids), add_batch(scene.run, scene.bucket, scene.ids)
    completed.finish()
    pending.done("submit")
    expected = {"DRAFT": scene, "PENDING": pending, "QUEUED": pending, "COMPLETED": completed, "CANCELED": None}
    for status, batch in expected.items():
        for path in (EVERYWHERE, of_bucket(scene)):
            found = scene.api.post(path, {"status": status})
            wanted = [batch.batch_id] if batch else []
            assert (listed(found), found.json["total_count"]) == (wanted, len(wanted)), (path, status)


def test_processing_means_in_progress(scene: Scene) -> None:
    scene.start()
    for status in ("IN_PROGRESS", "PROCESSING"):
        assert listed(scene.api.post(of_bucket(scene), {"status": status})) == [scene.batch_id]


def test_filters_that_exclude_the_bucket_give_an_empty_page(scene: Scene) -> None:
    more(scene, 0)
    for body in ({"bucket_id": "bkt_other"}, {"namespace_id": "other"}, {"collection_id": "col_1"}):
        found = scene.api.post(of_bucket(scene), body)
        assert (listed(found), found.json["total_count"]) == ([], 0)
    for body in ({"bucket_id": scene.bucket}, {"namespace_id": "films"}):
        assert listed(scene.api.post(of_bucket(scene), body)) == [scene.batch_id]


def test_an_invalid_list_is_rejected(scene: Scene) -> None:
    for body in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"status": "LATE"}, {"colour": "red"}, {"limit": True}):
        for path in (EVERYWHERE, of_bucket(scene)):
            assert scene.api.post(path, body).status == 422, (path, body)


def test_a_cursor_is_valid_only_for_its_list(scene: Scene) -> None:
    more(scene, 1)
    cursor = scene.api.post(of_bucket(scene), {"limit": 1}).json["pagination"]["next_cursor"]
    assert cursor
    for path, body in (
        (of_bucket(scene), {"status": "DRAFT", "cursor": cursor}),
        (EVERYWHERE, {"cursor": cursor}),
        (of_bucket(scene), {"cursor": "x"}),
    ):
        assert scene.api.post(path, body).status == 400


@pytest.fixture
def elsewhere(run: BatchWorld, scene: Scene) -> Scene:
    """A batch in another namespace of the organization."""
    run.api.post("/v1/namespaces", {"namespace_name": "stills"})
    api = run.api.using(namespace="stills")
    bucket = create_object_bucket(api)
    batch = api.post(f"/v1/buckets/{bucket}/batches", {}).json["batch_id"]
    return Scene(run, bucket, [], f"/v1/buckets/{bucket}/batches/{batch}")


def test_the_organization_has_the_batches_of_all_namespaces(scene: Scene, elsewhere: Scene) -> None:
    anywhere = scene.api.using(namespace="")
    both = [elsewhere.batch_id, scene.batch_id]
    assert listed(anywhere.post(EVERYWHERE)) == both
    assert listed(anywhere.post(EVERYWHERE, {"namespace_id": "stills"})) == both[:1]
    assert listed(scene.api.post(EVERYWHERE)) == both[1:]
    assert listed(scene.api.post(EVERYWHERE, {"namespace_id": "films", "bucket_id": scene.bucket})) == both[1:]
    assert listed(anywhere.post(EVERYWHERE, {"bucket_id": elsewhere.bucket})) == both[:1]
    disagree = scene.api.post(EVERYWHERE, {"namespace_id": "stills"})
    assert (disagree.status, disagree.error["code"]) == (400, "namespaces_disagree")
    for batch_id in both:
        assert anywhere.get(f"/v1/batches/{batch_id}").json["batch_id"] == batch_id


def test_the_header_narrows_the_operations_by_id(scene: Scene, elsewhere: Scene) -> None:
    by_id = f"/v1/batches/{elsewhere.batch_id}"
    assert scene.api.get(by_id).status == 404
    assert scene.api.post(f"{by_id}/cancel").status == 404
    assert scene.api.using(namespace="stills").post(f"{by_id}/cancel").status == 200


def test_permissions_and_organizations_separate_batches(run: BatchWorld, scene: Scene) -> None:
    world = run.world
    reader = scene.api.using(key=world.key_for(world.organization_id, "read"))
    assert listed(reader.post(EVERYWHERE)) == listed(reader.post(of_bucket(scene))) == [scene.batch_id]
    assert reader.post(f"/v1/batches/{scene.batch_id}/cancel").status == 403
    other = world.services.access.create_organization("Other")
    stranger = scene.api.using(key=world.key_for(other.organization_id), namespace="")
    stranger.post("/v1/namespaces", {"namespace_name": "films"})
    assert listed(stranger.post(EVERYWHERE)) == []
    assert stranger.get(f"/v1/batches/{scene.batch_id}").status == 404
    assert stranger.post(f"/v1/batches/{scene.batch_id}/cancel").status == 404


def operations(path: str) -> list[tuple[str, str, Any]]:
    return [
        ("GET", path, None),
        ("PATCH", path, {"metadata": {}}),
        ("DELETE", path, None),
        ("POST", f"{path}/objects", {"object_ids": ["obj_1"]}),
        ("POST", f"{path}/submit", {}),
        ("POST", f"{path}/cancel", None),
        ("POST", f"{path}/retry", {}),
        ("POST", f"{path}/resubmit", {}),
        ("GET", f"{path}/audit", None),
        ("GET", f"{path}/failed-documents", None),
    ]


def test_a_batch_is_found_only_in_its_own_bucket_and_namespace(run: BatchWorld, scene: Scene, elsewhere: Scene) -> None:
    neighbour = create_object_bucket(run.api, "neighbour")
    stills: Api = run.api.using(namespace="stills")
    for api, bucket in ((run.api, neighbour), (stills, elsewhere.bucket), (stills, scene.bucket)):
        for method, path, body in operations(f"/v1/buckets/{bucket}/batches/{scene.batch_id}"):
            assert api.call(method, path, body).status == 404, (method, path)
    assert scene.get()["status"] == "DRAFT"
