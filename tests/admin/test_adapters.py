"""The operator's commands for source adapters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib import keys
from chalicelib.admin import adapter_replay, adapters
from chalicelib.admin.__main__ import admin
from chalicelib.buckets.registration import register_endpoint
from tests.support.api import Api
from tests.support.webhooks import ADAPTER, SECRET, deliver, event, new_adapter_bucket
from tests.support.world import World, bucket_body

Run = Callable[..., Result]


@pytest.fixture
def bucket(api: Api) -> str:
    return new_adapter_bucket(api)


@pytest.fixture
def run(world: World) -> Run:
    """Returns a function that runs a command of the group. After its name come the options of the bucket."""

    def run_(name: str, *arguments: str) -> Result:
        place = ["--organization", world.organization_id, "--namespace", "films"] if name != "register" else []
        return CliRunner().invoke(admin, ["adapters", name, *place, *arguments], obj=lambda: world.services)

    return run_


@pytest.fixture
def output(run: Run) -> Callable[..., str]:
    """Returns a function that runs a command, which must succeed, and returns what it prints to standard output."""

    def output_(name: str, *arguments: str) -> str:
        result = run(name, *arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    return output_


Output = Callable[..., str]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the commands print for a person."""
    for module in (adapters, adapter_replay):
        monkeypatch.setattr(module, "is_terminal", lambda: True)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def correct(api: Api, bucket: str) -> None:
    """Corrects the mapping, so that a delivery with a rating that is no number can be applied."""
    adapter = {**ADAPTER, "webhook_secret": "redacted", "field_mapping": {"data.title": "title"}}
    assert api.patch(f"/v1/buckets/{bucket}", {"source_adapter": adapter}).status == 200


def park(world: World, bucket: str, *numbers: int) -> list[str]:
    found = [deliver(world, bucket, event(number, rating="many")).json for number in numbers]
    assert {each["status"] for each in found} == {"parked"}
    return [each["delivery_id"] for each in found]


def test_the_status_is_that_of_the_api(world: World, api: Api, output: Output, bucket: str) -> None:
    deliver(world, bucket, event(1))
    park(world, bucket, 2)
    world.pump()
    shown = json.loads(output("status", "films", "--json"))
    assert shown == api.get(f"/v1/buckets/{bucket}/source-adapter/status").json
    text = dict(line.split(maxsplit=1) for line in output("status", bucket).splitlines())
    assert (text["events_received"], text["events_rejected"], text["adapter_type"]) == ("2", "1", "generic_webhook")
    assert "mode=time_window" in text["batching"]


def test_the_status_of_a_bucket_without_an_adapter_is_shown(api: Api, output: Output) -> None:
    api.post("/v1/buckets", bucket_body())
    assert json.loads(output("status", "posters", "--json"))["configured"] is False
    assert "batching" in output("status", "posters")


def test_deliveries_are_json_lines_for_programs_newest_first(world: World, output: Output, bucket: str) -> None:
    applied = deliver(world, bucket, event(1)).json["delivery_id"]
    (parked,) = park(world, bucket, 2)
    deliver(world, bucket, {**event(3), "type": "film.removed"})
    assert [each["event_type"] for each in lines(output("deliveries", bucket))] == ["film.removed", *["film.added"] * 2]
    assert [each["delivery_id"] for each in lines(output("deliveries", bucket, "--state", "parked"))] == [parked]
    by_type = lines(output("deliveries", bucket, "--event-type", "film.added"))
    assert [each["delivery_id"] for each in by_type] == [parked, applied]
    assert len(lines(output("deliveries", bucket, "--limit", "1"))) == 1


@pytest.mark.usefixtures("terminal")
def test_deliveries_are_a_table_on_a_terminal_that_no_text_can_control(
    world: World, output: Output, bucket: str
) -> None:
    deliver(world, bucket, {**event(1), "type": "a\x1b[2Jb"})
    heading, line = output("deliveries", bucket).splitlines()
    assert heading.split()[:3] == ["RECEIVED_AT", "STATE", "RESULT"]
    assert "a?[2Jb" in line


def test_a_dry_run_shows_what_the_replay_then_does(world: World, api: Api, output: Output, bucket: str) -> None:
    parked = park(world, bucket, 1, 2)
    correct(api, bucket)
    forecasts = lines(output("replay", bucket, "--state", "PARKED", "--dry-run"))
    assert [(each["delivery_id"], each["outcome"]) for each in forecasts] == [(id_, "created") for id_ in parked]
    assert len(lines(output("deliveries", bucket, "--state", "PARKED"))) == 2
    done = lines(output("replay", bucket, "--state", "PARKED"))
    assert [(each["delivery_id"], each["result"]) for each in done] == [(id_, "created") for id_ in parked]
    assert [each["previous_state"] for each in done] == ["PARKED"] * 2
    assert output("replay", bucket, "--state", "PARKED") == ""


def test_a_replay_goes_on_through_all_pages_with_its_progress(
    world: World, api: Api, run: Run, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_replay, "PAGE_SIZE", 2)
    parked = park(world, bucket, *range(5))
    correct(api, bucket)
    for options in (["--dry-run"], []):
        result = run("replay", bucket, "--state", "PARKED", *options)
        assert [each["delivery_id"] for each in lines(result.stdout)] == parked
        done = "tried" if options else "replayed"
        progress = result.stderr.splitlines()
        assert progress[:2] == [f"2 deliveries {done}", f"4 deliveries {done}"]
        assert progress[2].startswith(f"5 deliveries {done}: 5 ")


def test_a_dry_run_lets_later_deliveries_see_the_objects_of_earlier_pages(
    world: World, api: Api, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_replay, "PAGE_SIZE", 1)
    bucket = new_adapter_bucket(api, unique_key={"fields": ["film_id"]})
    for number in range(3):
        deliver(world, bucket, event(number, film="f1", rating="many"))
    adapter = {**ADAPTER, "webhook_secret": "redacted", "field_mapping": {"data.film": "film_id"}}
    assert api.patch(f"/v1/buckets/{bucket}", {"source_adapter": adapter}).status == 200
    for options, name in ((["--dry-run"], "outcome"), ([], "result")):
        found = lines(output("replay", bucket, "--state", "PARKED", *options))
        assert [each[name] for each in found] == ["created", "updated", "updated"]


@pytest.mark.usefixtures("terminal")
def test_a_replay_on_a_terminal_prints_a_line_for_each_delivery(world: World, api: Api, run: Run, bucket: str) -> None:
    first, second = park(world, bucket, 1, 2)
    correct(api, bucket)
    result = run("replay", bucket, second, "dlv_unknown", first)
    assert result.exit_code == 1
    shown = [line.split(maxsplit=4) for line in result.stdout.splitlines()]
    assert [words[:4] for words in shown] == [
        [second, "PARKED", "->", "APPLIED"],
        ["dlv_unknown", "-", "->", "failed"],
        [first, "PARKED", "->", "APPLIED"],
    ]
    assert result.stderr == "3 deliveries replayed: 2 APPLIED, 1 failed\n"


@pytest.mark.parametrize("arguments", [[], ["dlv_1", "--state", "PARKED"], ["dlv_1", "--event-type", "x"]])
def test_a_replay_needs_either_ids_or_a_state(run: Run, bucket: str, arguments: list[str]) -> None:
    result = run("replay", bucket, *arguments)
    assert result.exit_code == 2
    assert "either delivery ids or a --state" in result.stderr


@pytest.mark.parametrize("command", [["replay", "posters", "--state", "PARKED"], ["rotate", "posters"]])
def test_a_bucket_without_an_adapter_is_named_in_one_line(api: Api, run: Run, command: list[str]) -> None:
    api.post("/v1/buckets", bucket_body())
    result = run(*command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no source adapter" in result.stderr


def test_rotation_prints_the_new_secret_once_and_the_old_one_remains_valid_for_a_while(
    world: World, run: Run, bucket: str
) -> None:
    result = run("rotate", bucket, "--grace-seconds", "60")
    secret = result.stdout.strip()
    assert (result.exit_code, result.stdout) == (0, f"{secret}\n")
    assert "valid until 2026-01-01T00:01:00" in result.stderr
    assert deliver(world, bucket, event(1), secret=secret).status == 200
    assert deliver(world, bucket, event(2), secret=SECRET).status == 200
    world.clock.advance(120)
    assert deliver(world, bucket, event(3), secret=SECRET).status == 401
    assert deliver(world, bucket, event(4), secret=secret).status == 200


def test_without_a_grace_period_the_old_secret_is_not_valid_any_longer(world: World, run: Run, bucket: str) -> None:
    result = run("rotate", bucket, "--grace-seconds", "0", "--json")
    assert "not valid any longer" in result.stderr
    assert deliver(world, bucket, event(1), secret=SECRET).status == 401
    assert deliver(world, bucket, event(1), secret=json.loads(result.stdout)["webhook_secret"]).status == 200


def forget(world: World, bucket: str) -> None:
    """Removes the row of the webhook URL, as in a stage whose adapters an earlier version has stored."""
    key = {name: {"S": value} for name, value in keys.webhook_endpoint(bucket).items()}
    world.client.delete_item(TableName=world.tables.catalog, Key=key)


def test_the_adapters_of_an_earlier_version_are_registered_once(world: World, api: Api, run: Run, bucket: str) -> None:
    new_adapter_bucket(api, name="known")
    api.post("/v1/buckets", bucket_body("plain"))
    forget(world, bucket)
    assert deliver(world, bucket, event(1)).status == 404
    before = api.get(f"/v1/buckets/{bucket}").headers["ETag"]
    result = run("register", "--json")
    assert [row["bucket_id"] for row in json.loads(result.stdout)] == [bucket]
    assert result.stderr == "3 buckets examined, 1 registered\n"
    assert deliver(world, bucket, event(1)).json["status"] == "accepted"
    assert api.get(f"/v1/buckets/{bucket}").headers["ETag"] == before
    assert json.loads(run("register", "--json").stdout) == []
    assert run("register").stdout == ""


def test_registration_shows_its_progress_and_skips_a_bucket_that_is_being_deleted(
    world: World, api: Api, run: Run, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "PROGRESS_EVERY", 1)
    forget(world, bucket)
    assert api.call("DELETE", f"/v1/buckets/{bucket}").status == 200
    result = run("register", "--json")
    assert json.loads(result.stdout) == []
    assert result.stderr.splitlines() == ["1 buckets examined, 0 registered"] * 2


def test_a_bucket_that_changes_during_its_registration_is_registered_with_its_new_secret(
    world: World, api: Api, bucket: str
) -> None:
    (partition,) = world.services.partitions()
    old = world.services.buckets.get(partition, bucket)
    rotated = api.post(f"/v1/buckets/{bucket}/source-adapter/rotate-secret", {"grace_seconds": 0}).json
    forget(world, bucket)
    assert register_endpoint(world.services.buckets, partition, old)
    assert deliver(world, bucket, event(1), secret=SECRET).status == 401
    assert deliver(world, bucket, event(1), secret=rotated["webhook_secret"]).status == 200


def test_a_bucket_that_is_gone_is_not_registered(world: World, api: Api, bucket: str) -> None:
    (partition,) = world.services.partitions()
    old = world.services.buckets.get(partition, bucket)
    forget(world, bucket)
    key = {name: {"S": value} for name, value in keys.bucket(partition, bucket).items()}
    world.client.delete_item(TableName=world.tables.catalog, Key=key)
    assert not register_endpoint(world.services.buckets, partition, old)
