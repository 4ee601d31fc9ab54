"""The official SDK deletes buckets and namespaces, and polls the tasks."""

from __future__ import annotations

from typing import Any

import pytest
from mixpeek._client.client import MixpeekAPIError
from mixpeek.api.tasks_api import TasksApi
from mixpeek.models.list_tasks_request import ListTasksRequest

from tests.contract.conftest import Sdk
from tests.deletion.conftest import Work, work
from tests.support.world import World, bucket_body

__all__ = ["work"]


def test_a_bucket_is_deleted_and_created_again(sdk: Sdk, world: World, work: Work) -> None:
    made = sdk.client.buckets.create(**bucket_body())
    begun = sdk.client.buckets.delete(made.bucket_id)
    assert (begun.bucket_id, begun.status) == (made.bucket_id, "PENDING")
    assert sdk.client.buckets.get(made.bucket_id).status == "IN_PROGRESS"
    again = sdk.client.buckets.create(**bucket_body())

    assert sdk.client.tasks.get(begun.task_id).status == "PENDING"
    work.complete(begun.task_id)

    assert sdk.client.tasks.get(begun.task_id).status == "COMPLETED"
    with pytest.raises(MixpeekAPIError) as not_found:
        sdk.client.buckets.get(made.bucket_id)
    assert not_found.value.status == 404
    assert sdk.client.buckets.get("posters").bucket_id == again.bucket_id


def test_the_generated_classes_parse_all_responses_about_tasks(sdk: Sdk, world: World, work: Work) -> None:
    sdk.client.buckets.create(**bucket_body())
    begun: Any = sdk.buckets.delete_bucket("posters")
    task_id = begun["task_id"]
    tasks: Any = TasksApi(sdk.buckets.api_client)
    assert tasks.get_task(task_id).task_type == "api_buckets_delete"
    listed = tasks.list_tasks(list_tasks_request=ListTasksRequest.from_dict({"status": "PENDING"}))
    assert [task.task_id for task in listed.results] == [task_id]
    assert tasks.kill_task(task_id).success is True
    work.complete(task_id)
    complete = tasks.get_task(task_id)
    assert (complete.status, complete.error) == ("COMPLETED", None)
    assert tasks.kill_task("task_0000000000000000").success is True


def test_a_namespace_is_deleted(sdk: Sdk, world: World, work: Work) -> None:
    made = sdk.client.namespaces.create(name="temporary")
    begun = sdk.client.namespaces.delete(made.namespace_id)
    work.complete(begun.task_id)
    with pytest.raises(MixpeekAPIError):
        sdk.client.namespaces.get(made.namespace_id)
    assert sdk.client.namespaces.create(name="temporary").namespace_id != made.namespace_id
