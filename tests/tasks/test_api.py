"""The operations on tasks, called over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalGateway
from mixpeek.models.generic_delete_response import GenericDeleteResponse
from mixpeek.models.list_tasks_response import ListTasksResponse
from mixpeek.models.task_response import TaskResponse

from chalicelib.access.models import ResourceScope
from chalicelib.api import CORS, authentication, authorization
from chalicelib.http.endpoint import endpoint
from chalicelib.tasks.routes import task_operations
from tests.support.api import Api
from tests.support.task_queue import TaskHarness
from tests.support.world import World
from tests.tasks.conftest import TYPE, CountingWorker, NewHarness, new_task

LIST = "/v1/tasks/list"
UNKNOWN_ID = "task_01kdvdna07crhfzd"


def task_app(world: World, harness: TaskHarness) -> Chalice:
    """An application with only the operations on tasks."""
    app = Chalice(app_name="tasks", configure_logs=False, env={})
    guards = (authentication(lambda: world.services), authorization(lambda: world.services))
    for operation in task_operations(lambda: harness.tasks):
        view = endpoint(operation, lambda: app.current_request, guards)
        app.route(operation.path, methods=[operation.method], cors=CORS, content_types=[])(view)
    return app


@pytest.fixture
def worker() -> CountingWorker:
    return CountingWorker(3)


@pytest.fixture
def harness(harness_with: NewHarness, worker: CountingWorker) -> TaskHarness:
    return harness_with(worker)


def raise_error(count: int) -> None:
    raise ValueError("out of paper")


@pytest.fixture
def api(world: World, harness: TaskHarness) -> Api:
    return Api(lambda: world.services, world.key, "", LocalGateway(task_app(world, harness), Config()))


@pytest.fixture
def as_key(world: World, api: Api) -> Callable[..., Api]:
    """Builds an API client with a new key."""

    def make(*permissions: str, organization_id: str = "", **more: Any) -> Api:
        key = world.key_for(organization_id or world.organization_id, *permissions, **more)
        return api.using(key=key)

    return make


def delete(api: Api, task_id: str) -> dict[str, Any]:
    response = api.call("DELETE", f"/v1/tasks/{task_id}")
    assert response.status == 200, response.text
    assert GenericDeleteResponse.from_dict(response.json) is not None
    assert response.json["success"] is True
    return dict(response.json)


def ids(response: dict[str, Any]) -> list[str]:
    return [task["task_id"] for task in response["results"]]


def test_a_task_shows_its_input_and_its_progress(world: World, harness: TaskHarness, api: Api) -> None:
    task = harness.start(
        new_task(harness, world, inputs=["bkt_1", {"force": True}], progress={"counted": 0, "_at": "x"})
    )
    before = api.get(f"/v1/tasks/{task.task_id}").json
    assert before == {
        "task_id": task.task_id,
        "task_type": TYPE,
        "status": "PENDING",
        "inputs": ["bkt_1", {"force": True}],
        "outputs": None,
        "additional_data": {"bucket_id": "bkt_1", "progress": {"counted": 0}, "error": None},
        "error": None,
        "error_message": None,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }
    harness.pump()
    after = api.get(f"/v1/tasks/{task.task_id}").json
    assert (after["status"], after["outputs"]) == ("COMPLETED", [{"counted": 3}])
    assert after["additional_data"]["progress"] == {"counted": 3}
    for shown in (before, after):
        read = TaskResponse.from_dict(shown)
        assert read is not None
        assert read.task_id == task.task_id


def test_a_failed_task_has_its_error_in_every_error_field(
    world: World, harness: TaskHarness, api: Api, worker: CountingWorker
) -> None:
    worker.before_slice = raise_error
    task = harness.start(new_task(harness, world))
    harness.deliver(harness.queue.waiting[0])
    retrying = api.get(f"/v1/tasks/{task.task_id}").json
    assert (retrying["status"], retrying["error"]) == ("IN_PROGRESS", None)
    assert retrying["additional_data"]["last_error"] == "ValueError: out of paper"
    harness.pump()
    failed = api.get(f"/v1/tasks/{task.task_id}").json
    error = "ValueError: out of paper"
    assert (failed["status"], failed["error"], failed["error_message"]) == ("FAILED", error, error)
    assert failed["additional_data"]["error"] == error
    assert TaskResponse.from_dict(failed).error == error  # type: ignore[union-attr]


def test_a_task_of_another_organization_is_not_found(
    world: World, harness: TaskHarness, as_key: Callable[..., Api], api: Api
) -> None:
    rival = world.services.access.create_organization("Rival").organization_id
    foreign_api = as_key(organization_id=rival)
    task = harness.start(new_task(harness, world, cancellable=True))
    unknown, foreign = foreign_api.get(f"/v1/tasks/{UNKNOWN_ID}"), foreign_api.get(f"/v1/tasks/{task.task_id}")
    assert (unknown.status, foreign.status) == (404, 404)
    assert foreign.text.replace(task.task_id, UNKNOWN_ID) == unknown.text
    assert unknown.error["details"] == {"resource": "task", "id": UNKNOWN_ID}
    assert ids(foreign_api.post(LIST).json) == []
    assert delete(foreign_api, task.task_id) == delete(foreign_api, UNKNOWN_ID)
    assert api.get(f"/v1/tasks/{task.task_id}").json["status"] == "PENDING"


def test_a_task_is_not_found_after_thirty_days(world: World, harness: TaskHarness, api: Api) -> None:
    task = harness.start(new_task(harness, world))
    world.clock.advance(30 * 86_400 + 60)
    assert api.get(f"/v1/tasks/{task.task_id}").status == 404
    assert ids(api.post(LIST).json) == []


@pytest.mark.parametrize("task_id", ["nothing", "task_", "task_01kdvdna07crhfz%23", "%2e%2e", "TASK%23x", "é"])
def test_an_invalid_id_is_not_found(api: Api, task_id: str) -> None:
    assert api.get(f"/v1/tasks/{task_id}").status == 404
    delete(api, task_id)


def test_delete_cancels_a_cancellable_task_and_always_succeeds(world: World, harness: TaskHarness, api: Api) -> None:
    task = harness.start(new_task(harness, world, cancellable=True))
    assert "canceled" in delete(api, task.task_id)["message"]
    assert api.get(f"/v1/tasks/{task.task_id}").json["status"] == "CANCELED"
    assert delete(api, task.task_id) == delete(api, UNKNOWN_ID)


def test_a_task_that_is_not_cancellable_continues_and_the_response_says_so(
    world: World, harness: TaskHarness, api: Api
) -> None:
    task = harness.start(new_task(harness, world))
    assert "continues" in delete(api, task.task_id)["message"]
    harness.pump()
    assert api.get(f"/v1/tasks/{task.task_id}").json["status"] == "COMPLETED"


@pytest.fixture
def four_tasks(world: World, harness: TaskHarness) -> list[str]:
    """Ids of four tasks, oldest first: completed, canceled, and two that are pending, the last of another type."""
    created = [harness.start(new_task(harness, world)).task_id]
    harness.pump()
    created.append(harness.start(new_task(harness, world, cancellable=True)).task_id)
    harness.tasks.cancel(world.organization_id, created[1])
    created.append(harness.start(new_task(harness, world)).task_id)
    created.append(harness.start(harness.tasks.new(world.organization_id, "api_namespaces_delete", inputs=[])).task_id)
    return created


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (None, [3, 2, 1, 0]),
        ({}, [3, 2, 1, 0]),
        ({"status": "PENDING"}, [3, 2]),
        ({"status": "FAILED"}, []),
        ({"task_type": "api_namespaces_delete"}, [3]),
        ({"task_type": "API_NAMESPACES_DELETE"}, [3]),
        ({"task_type": "BATCH_CONFIRM"}, []),
        ({"task_type": "API_BUCKETS_DELETE", "status": "PENDING"}, [2]),
        ({"status": None, "task_type": None, "search": None, "filters": None, "sort": None}, [3, 2, 1, 0]),
        ({"search": "namespaces"}, [3]),
        ({"search": "canc*"}, [1]),
        ({"filters": {"additional_data.bucket_id": "bkt_1"}}, [2, 1, 0]),
        ({"filters": {"AND": [{"field": "status", "operator": "ne", "value": "PENDING"}]}}, [1, 0]),
        ({"sort": {"field": "created_at", "direction": "asc"}}, [0, 1, 2, 3]),
        ({"sort": {"field": "task_id", "direction": "desc"}}, [3, 2, 1, 0]),
        ({"sort": {"field": "status"}, "status": "PENDING"}, [2, 3]),
        ({"sort": {"field": "task_type", "direction": "desc"}, "search": "api_"}, [3, 2, 1, 0]),
    ],
)
def test_tasks_are_searched_filtered_and_sorted(
    api: Api, four_tasks: list[str], body: dict[str, Any] | None, found: list[int]
) -> None:
    response = api.post(LIST, body)
    assert response.status == 200, response.text
    assert ids(response.json) == [four_tasks[at] for at in found]
    read = ListTasksResponse.from_dict(response.json)
    assert read is not None
    assert len(read.results) == len(found)


@pytest.mark.parametrize("more", [{}, {"search": "api_"}, {"sort": {"field": "status"}}, {"include_total": True}])
def test_pages_contain_every_task_exactly_once(api: Api, four_tasks: list[str], more: dict[str, Any]) -> None:
    every = ids(api.post(LIST, more).json)
    seen, cursor = [], None
    while True:
        page = api.post(LIST, {**more, "limit": 3, "cursor": cursor}).json
        seen += ids(page)
        cursor = page["pagination"]["next_cursor"]
        if cursor is None:
            break
    assert seen == every
    assert sorted(seen) == four_tasks
    assert page["pagination"]["total"] == (4 if "include_total" in more else None)


def test_a_next_page_link_continues_and_the_body_takes_precedence_over_the_query(
    api: Api, four_tasks: list[str]
) -> None:
    first = api.post(LIST, {"limit": 2})
    link = first.json["pagination"]["next_page"]
    assert ids(api.post(link, {"limit": 2}).json) == [four_tasks[1], four_tasks[0]]
    assert ids(api.post(LIST, {"limit": 1}, query={"offset": 1, "page_size": 3}).json) == [four_tasks[2]]
    assert ids(api.post(LIST, query={"limit": 2, "page": 2}).json) == [four_tasks[1], four_tasks[0]]


def test_a_cursor_continues_while_tasks_are_created_and_deleted(
    world: World, harness: TaskHarness, api: Api, four_tasks: list[str]
) -> None:
    first = api.post(LIST, {"limit": 2}).json
    harness.start(new_task(harness, world))
    harness.table.delete_many([{"pk": f"ORG#{world.organization_id}", "sk": f"TASK#{four_tasks[2]}"}])
    rest = api.post(LIST, {"limit": 9, "cursor": first["pagination"]["next_cursor"]}).json
    assert ids(rest) == [four_tasks[1], four_tasks[0]]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "DONE"}, 422),
        ({"status": 1}, 422),
        ({"task_type": 1}, 422),
        ({"task_type": "x" * 101}, 422),
        ({"limit": 0}, 422),
        ({"unknown": 1}, 422),
        ({"filters": []}, 422),
        ({"cursor": "x"}, 400),
    ],
)
def test_an_invalid_list_request_is_rejected(api: Api, body: dict[str, Any], status: int) -> None:
    assert api.post(LIST, body).status == status


def test_a_cursor_of_another_list_is_rejected(api: Api, four_tasks: list[str]) -> None:
    cursor = api.post(LIST, {"limit": 1}).json["pagination"]["next_cursor"]
    for other in ({"status": "PENDING"}, {"task_type": TYPE}, {"search": "api"}):
        assert api.post(LIST, {**other, "cursor": cursor}).error["code"] == "cursor_invalid"


def test_reading_and_deleting_need_the_permission_to_do_so(
    world: World, harness: TaskHarness, api: Api, as_key: Callable[..., Api]
) -> None:
    task = harness.start(new_task(harness, world, cancellable=True))
    reader, writer = as_key("read"), as_key("write")
    for key in (reader, writer):
        assert key.get(f"/v1/tasks/{task.task_id}").status == 200
        assert key.post(LIST).status == 200
        assert key.call("DELETE", f"/v1/tasks/{task.task_id}").status == 403
    anonymous = api.using(key="")
    for method, path in (("GET", f"/v1/tasks/{task.task_id}"), ("POST", LIST), ("DELETE", f"/v1/tasks/{UNKNOWN_ID}")):
        assert anonymous.call(method, path).status == 401


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (ResourceScope("organization", "*"), 200),
        (ResourceScope("namespace", "*"), 200),
        (ResourceScope("namespace", "films"), 403),
        (ResourceScope("bucket", "*"), 403),
    ],
)
def test_a_key_limited_to_some_resources_has_no_access_to_tasks(
    world: World, harness: TaskHarness, as_key: Callable[..., Api], scope: ResourceScope, status: int
) -> None:
    task = harness.start(new_task(harness, world))
    limited = as_key(scopes=[scope])
    assert limited.get(f"/v1/tasks/{task.task_id}").status == status
    assert limited.post(LIST).status == status
