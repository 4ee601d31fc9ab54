"""The operator's commands for batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.admin.batches import batches
from chalicelib.admin.commands import Commands
from chalicelib.objects.stored_object import StoredObject
from chalicelib.processing.processor import BatchContext, ProcessingFailed
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.objects import create_object_bucket, created
from tests.support.world import World

Command = Callable[..., Result]


def fails_once(stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
    if stored.values["title"] == "bad" and context.attempt == 1:
        raise ProcessingFailed("network", "The other service is busy")
    return {}


@pytest.fixture
def run(world: World) -> BatchWorld:
    return new_batch_world(world, fails_once)


@pytest.fixture
def command(run: BatchWorld) -> Command:
    """Runs a command. ORG is replaced with the id of the organization."""

    def call(text: str) -> Result:
        arguments = [run.world.organization_id if part == "ORG" else part for part in text.split()]
        return CliRunner().invoke(
            Commands(commands=[batches]), ["batches", *arguments], obj=lambda **options: run.world.services
        )

    return call


@pytest.fixture
def batch_id(run: BatchWorld) -> str:
    bucket = create_object_bucket(run.api)
    ids = [created(run.api, bucket, {"title": title})["object_id"] for title in ("good", "bad")]
    new = run.api.post(f"/v1/buckets/{bucket}/batches", {"object_ids": ids, "auto_submit": True})
    return str(new.json["batch_id"])


def output(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_batches_are_listed_newest_first_and_by_status(run: BatchWorld, command: Command, batch_id: str) -> None:
    run.pump()
    row = output(command("list --organization ORG --json"))[0]
    assert (row["batch_id"], row["objects"], row["processed"], row["failed"]) == (batch_id, 2, 2, 1)
    assert output(command("list --organization ORG --status DRAFT --json")) == []
    assert "COMPLETED_WITH_ERRORS" in command("list --organization ORG").stdout


def test_a_batch_is_shown_with_its_failures(run: BatchWorld, command: Command, batch_id: str) -> None:
    run.pump()
    shown = output(command(f"show {batch_id} --organization ORG --json"))
    assert shown["status"] == "COMPLETED_WITH_ERRORS"
    assert "The other service is busy" in shown["failed_objects"][0]


def test_watching_shows_the_progress_until_the_end(run: BatchWorld, command: Command, batch_id: str) -> None:
    looks = []

    def work(seconds: float) -> None:
        looks.append(seconds)
        run.step()

    services = run.world.services.batches
    object.__setattr__(services.batches, "pause", work)
    result = command(f"show {batch_id} --organization ORG --watch")
    assert result.exit_code == 0, result.output
    assert looks
    assert "COMPLETED_WITH_ERRORS" in result.stdout


def test_failed_objects_are_retried(run: BatchWorld, command: Command, batch_id: str) -> None:
    run.pump()
    result = command(f"retry {batch_id} --organization ORG")
    assert "1 objects are retried, 0 are left out" in result.stderr
    run.pump()
    assert output(command(f"show {batch_id} --organization ORG --json"))["status"] == "COMPLETED"


def test_a_batch_is_canceled_once(run: BatchWorld, command: Command, batch_id: str) -> None:
    shown = output(command(f"cancel {batch_id} --organization ORG --reason mistake --json"))
    assert (shown["status"], shown["lifecycle_reason"]) == ("CANCELED", "mistake")
    again = command(f"cancel {batch_id} --organization ORG")
    assert (again.exit_code, again.stderr) == (1, "Error: The batch is already CANCELED\n")


def test_an_unknown_batch_is_an_error(command: Command, run: BatchWorld) -> None:
    result = command("show btch_0000000000000000 --organization ORG")
    assert (result.exit_code, result.stderr) == (1, "Error: Batch not found: btch_0000000000000000\n")
