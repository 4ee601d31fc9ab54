"""The operations on tasks, as clients see them."""

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
from tests.support.task_queue import Line
from tests.support.world import World
from tests.tasks.conftest import TYPE, Counter, NewLine, a_task

LIST = "/v1/tasks/list"
NOBODY = "task_01kdvdna07crhfzd"


def task_app(world: World, line: Line) -> Chalice:
    """An application with nothing but the operations on tasks."""
    app = Chalice(app_name="tasks", configure_logs=False, env={})
    guards = (authentication(lambda: world.services), authorization(lambda: world.services))
    for operation in task_operations(lambda: line.tasks):
        view = endpoint(operation, lambda: app.current_request, guards)
        app.route(operation.path, methods=[operation.method], cors=CORS, content_types=[])(view)
    return app


@pytest.fixture
def worker() -> Counter:
    return Counter(3)


@pytest.fixture
def line(line_with: NewLine, worker: Counter) -> Line:
    return line_with(worker)


def no_luck(count: int) -> None:
    raise ValueError("no luck")


@pytest.fixture
def api(world: World, line: Line) -> Api:
    api = Api(lambda: world.services, world.key, "")
    api._local.gateway = LocalGateway(task_app(world, line), Config())
    return api


@pytest.fixture
def as_key(world: World, api: Api) -> Callable[..., Api]:
    """The same API under a new key."""

    def make(*permissions: str, organization_id: str = "", **more: Any) -> Api:
        key = world.key_for(organization_id or world.organization_id, *permissions, **more)
        return Api(api.services, key, "", api._local)

    return make


def delete(api: Api, task_id: str) -> dict[str, Any]:
    answer = api.call("DELETE", f"/v1/tasks/{task_id}")
    assert answer.status == 200, answer.text
    assert GenericDeleteResponse.from_dict(answer.json) is not None
    assert answer.json["success"] is True
    return dict(answer.json)


def ids(answer: dict[str, Any]) -> list[str]:
    return [task["task_id"] for task in answer["results"]]


def test_a_task_shows_what_it_is_and_how_far_it_came(world: World, line: Line, api: Api) -> None:
    task = line.start(a_task(line, world, inputs=["bkt_1", {"force": True}], progress={"counted": 0, "_at": "x"}))
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
    line.pump()
    after = api.get(f"/v1/tasks/{task.task_id}").json
    assert (after["status"], after["outputs"]) == ("COMPLETED", [{"counted": 3}])
    assert after["additional_data"]["progress"] == {"counted": 3}
    for shown in (before, after):
        read = TaskResponse.from_dict(shown)
        assert read is not None
        assert read.task_id == task.task_id


def test_a_failed_task_says_why_in_every_place_where_clients_look(
    world: World, line: Line, api: Api, worker: Counter
) -> None:
    worker.trouble = no_luck
    task = line.start(a_task(line, world))
    line.deliver(line.queue.waiting[0])
    trying = api.get(f"/v1/tasks/{task.task_id}").json
    assert (trying["status"], trying["error"]) == ("IN_PROGRESS", None)
    assert trying["additional_data"]["last_error"] == "ValueError: no luck"
    line.pump()
    failed = api.get(f"/v1/tasks/{task.task_id}").json
    words = "ValueError: no luck"
    assert (failed["status"], failed["error"], failed["error_message"]) == ("FAILED", words, words)
    assert failed["additional_data"]["error"] == words
    assert TaskResponse.from_dict(failed).error == words  # type: ignore[union-attr]


def test_a_task_of_another_organization_is_not_there(
    world: World, line: Line, as_key: Callable[..., Api], api: Api
) -> None:
    rival = world.services.access.create_organization("Rival").organization_id
    stranger = as_key(organization_id=rival)
    task = line.start(a_task(line, world, cancellable=True))
    missing, foreign = stranger.get(f"/v1/tasks/{NOBODY}"), stranger.get(f"/v1/tasks/{task.task_id}")
    assert (missing.status, foreign.status) == (404, 404)
    assert foreign.text.replace(task.task_id, NOBODY) == missing.text
    assert missing.error["details"] == {"resource": "task", "id": NOBODY}
    assert ids(stranger.post(LIST).json) == []
    assert delete(stranger, task.task_id) == delete(stranger, NOBODY)
    assert api.get(f"/v1/tasks/{task.task_id}").json["status"] == "PENDING"


def test_a_task_is_gone_after_thirty_days(world: World, line: Line, api: Api) -> None:
    task = line.start(a_task(line, world))
    world.clock.advance(30 * 86_400 + 60)
    assert api.get(f"/v1/tasks/{task.task_id}").status == 404
    assert ids(api.post(LIST).json) == []


@pytest.mark.parametrize("task_id", ["nothing", "task_", "task_01kdvdna07crhfz%23", "%2e%2e", "TASK%23x", "é"])
def test_what_is_no_id_is_not_there(api: Api, task_id: str) -> None:
    assert api.get(f"/v1/tasks/{task_id}").status == 404
    delete(api, task_id)


def test_deleting_cancels_what_can_be_canceled_and_always_succeeds(world: World, line: Line, api: Api) -> None:
    task = line.start(a_task(line, world, cancellable=True))
    assert "canceled" in delete(api, task.task_id)["message"]
    assert api.get(f"/v1/tasks/{task.task_id}").json["status"] == "CANCELED"
    assert delete(api, task.task_id) == delete(api, NOBODY)


def test_a_deletion_goes_on_and_the_answer_says_so(world: World, line: Line, api: Api) -> None:
    task = line.start(a_task(line, world))
    assert "goes on" in delete(api, task.task_id)["message"]
    line.pump()
    assert api.get(f"/v1/tasks/{task.task_id}").json["status"] == "COMPLETED"


@pytest.fixture
def some(world: World, line: Line) -> list[str]:
    """Four tasks, oldest first: completed, canceled, and two that wait, the last of another type."""
    made = [line.start(a_task(line, world)).task_id]
    line.pump()
    made.append(line.start(a_task(line, world, cancellable=True)).task_id)
    line.tasks.cancel(world.organization_id, made[1])
    made.append(line.start(a_task(line, world)).task_id)
    made.append(line.start(line.tasks.new(world.organization_id, "api_namespaces_delete", inputs=[])).task_id)
    return made


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
    api: Api, some: list[str], body: dict[str, Any] | None, found: list[int]
) -> None:
    answer = api.post(LIST, body)
    assert answer.status == 200, answer.text
    assert ids(answer.json) == [some[at] for at in found]
    read = ListTasksResponse.from_dict(answer.json)
    assert read is not None
    assert len(read.results) == len(found)


@pytest.mark.parametrize("more", [{}, {"search": "api_"}, {"sort": {"field": "status"}}, {"include_total": True}])
def test_pages_go_on_until_the_end_and_hold_every_task_once(api: Api, some: list[str], more: dict[str, Any]) -> None:
    whole = ids(api.post(LIST, more).json)
    seen, cursor = [], None
    while True:
        page = api.post(LIST, {**more, "limit": 3, "cursor": cursor}).json
        seen += ids(page)
        cursor = page["pagination"]["next_cursor"]
        if cursor is None:
            break
    assert seen == whole
    assert sorted(seen) == some
    assert page["pagination"]["total"] == (4 if "include_total" in more else None)


def test_a_link_goes_on_and_the_body_wins_over_it(api: Api, some: list[str]) -> None:
    first = api.post(LIST, {"limit": 2})
    link = first.json["pagination"]["next_page"]
    assert ids(api.post(link, {"limit": 2}).json) == [some[1], some[0]]
    assert ids(api.post(LIST, {"limit": 1}, query={"offset": 1, "page_size": 3}).json) == [some[2]]
    assert ids(api.post(LIST, query={"limit": 2, "page": 2}).json) == [some[1], some[0]]


def test_a_page_goes_on_while_tasks_come_and_go(world: World, line: Line, api: Api, some: list[str]) -> None:
    first = api.post(LIST, {"limit": 2}).json
    line.start(a_task(line, world))
    line.table.remove_many([{"pk": f"ORG#{world.organization_id}", "sk": f"TASK#{some[2]}"}])
    rest = api.post(LIST, {"limit": 9, "cursor": first["pagination"]["next_cursor"]}).json
    assert ids(rest) == [some[1], some[0]]


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
def test_a_list_that_makes_no_sense_is_refused(api: Api, body: dict[str, Any], status: int) -> None:
    assert api.post(LIST, body).status == status


def test_a_cursor_is_good_for_its_own_list_only(api: Api, some: list[str]) -> None:
    cursor = api.post(LIST, {"limit": 1}).json["pagination"]["next_cursor"]
    for other in ({"status": "PENDING"}, {"task_type": TYPE}, {"search": "api"}):
        assert api.post(LIST, {**other, "cursor": cursor}).error["code"] == "cursor_invalid"


def test_reading_takes_a_key_that_reads_and_deleting_one_that_deletes(
    world: World, line: Line, api: Api, as_key: Callable[..., Api]
) -> None:
    task = line.start(a_task(line, world, cancellable=True))
    reader, writer = as_key("read"), as_key("write")
    for key in (reader, writer):
        assert key.get(f"/v1/tasks/{task.task_id}").status == 200
        assert key.post(LIST).status == 200
        assert key.call("DELETE", f"/v1/tasks/{task.task_id}").status == 403
    assert api.using(key="").key == ""
    nobody = Api(api.services, None, "", api._local)
    for method, path in (("GET", f"/v1/tasks/{task.task_id}"), ("POST", LIST), ("DELETE", f"/v1/tasks/{NOBODY}")):
        assert nobody.call(method, path).status == 401


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (ResourceScope("organization", "*"), 200),
        (ResourceScope("namespace", "*"), 200),
        (ResourceScope("namespace", "films"), 403),
        (ResourceScope("bucket", "*"), 403),
    ],
)
def test_a_key_that_is_bound_to_a_part_reaches_no_task(
    world: World, line: Line, as_key: Callable[..., Api], scope: ResourceScope, status: int
) -> None:
    task = line.start(a_task(line, world))
    bound = as_key(scopes=[scope])
    assert bound.get(f"/v1/tasks/{task.task_id}").status == status
    assert bound.post(LIST).status == status
