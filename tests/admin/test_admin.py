from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from click.testing import CliRunner, Result
from mypy_boto3_dynamodb import DynamoDBClient

from chalicelib import wiring
from chalicelib.admin.__main__ import admin
from chalicelib.admin.services import services
from chalicelib.core.errors import Unavailable
from chalicelib.local.events import wiring as events
from chalicelib.local.events.wiring import Handlers
from chalicelib.local.journal.folder import Folder, FolderInUse
from chalicelib.services import Services
from chalicelib.settings import Settings
from chalicelib.wiring import build
from tests.support.engine import no_s3
from tests.support.world import World, bucket_body

OLD = "2020-01-01"


@dataclass(frozen=True)
class Operator:
    """Runs the operator's commands."""

    services: Callable[[], Services]
    organization_id: str

    def run(self, command: str, *more: str) -> Result:
        """Runs a command, with the id of the organization in place of `ORG`. `more` are arguments with spaces."""
        arguments = [self.organization_id if argument == "ORG" else argument for argument in command.split()]
        return CliRunner().invoke(admin, [*arguments, *more], obj=self.services)

    def output(self, command: str, *more: str) -> str:
        """Runs a command, which must succeed, and returns what it prints to standard output."""
        result = self.run(command, *more)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, command: str, *more: str) -> Any:
        """Runs a command with `--json`, and returns the parsed output."""
        return json.loads(self.output(command, *more, "--json"))


@pytest.fixture
def operator(world: World) -> Operator:
    return Operator(lambda: world.services, world.organization_id)


def error_line(result: Result) -> str:
    """Returns the one line that a failed command prints to standard error."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def is_accepted(world: World, key: str) -> bool:
    return world.api(key=key).get("/v1/namespaces/films").status == 200


def test_a_new_organization_gets_a_valid_key(world: World, operator: Operator) -> None:
    made = operator.json("organizations create", "Cinema Paradiso")
    assert made["name"] == "Cinema Paradiso"
    key = operator.output(f"keys create --organization {made['organization_id']} --name ci --permission admin").strip()
    assert world.api(key=key).post("/v1/namespaces", {"namespace_name": "reels"}).status == 200
    assert operator.json(f"organizations show {made['organization_id']}")["namespace_count"] == 1
    assert operator.json(f"namespaces list --organization {made['organization_id']}")[0]["namespace_name"] == "reels"


def test_organizations_are_listed(operator: Operator) -> None:
    operator.output("organizations create Other")
    assert [organization["name"] for organization in operator.json("organizations list")] == ["Studio", "Other"]
    assert "Studio" in operator.output("organizations list")


def test_standard_output_has_only_the_key(world: World, operator: Operator) -> None:
    result = operator.run("keys create --organization ORG --name ci")
    assert result.stdout == result.stdout.strip() + "\n"
    assert is_accepted(world, result.stdout.strip())
    assert "not be shown again" in result.stderr


def test_the_json_of_a_new_key_has_its_permissions(world: World, operator: Operator) -> None:
    made = operator.json("keys create --organization ORG --name ci --permission read")
    assert is_accepted(world, made.pop("key"))
    assert made["permissions"] == ["read"]
    assert operator.json("keys list --organization ORG")[-1] == made


def test_a_key_has_all_permissions_but_admin_by_default(operator: Operator) -> None:
    made = operator.json("keys create --organization ORG --name ci")
    assert (made["permissions"], made["scopes"], made["expires_at"]) == (["read", "write", "delete"], [], None)


@pytest.mark.parametrize(
    "scope",
    [
        "organization:*",
        "namespace:films",
        "namespace:films:read,write",
        "namespace:with:colons",
        "namespace:with:colons:read",
        "bucket:bkt_*:delete",
    ],
)
def test_scopes_are_shown_as_they_were_entered(world: World, operator: Operator, scope: str) -> None:
    namespace = {"namespace_name": "with:colons"}
    assert world.api(key=world.key_for(world.organization_id, "admin")).post("/v1/namespaces", namespace).status == 200
    made = operator.json("keys create --organization ORG --name ci --scope", scope, "--scope", "namespace:*:read")
    assert made["scopes"] == [scope, "namespace:*:read"]


def test_a_scoped_key_is_restricted_to_its_scope(world: World, operator: Operator) -> None:
    key = operator.output("keys create --organization ORG --name ci --scope namespace:films:read").strip()
    assert is_accepted(world, key)
    assert world.api(key=key).post("/v1/buckets", bucket_body()).status == 403


@pytest.mark.parametrize(
    ("expires", "end"),
    [
        ("2027-01-01", "2027-01-01T00:00:00.000Z"),
        ("2027-01-01T12:00+02:00", "2027-01-01T10:00:00.000Z"),
        ("90d", "2026-04-01T00:00:00"),
        ("12h", "2026-01-01T12:00:00"),
    ],
)
def test_a_key_expires_at_a_time_or_after_a_period(operator: Operator, expires: str, end: str) -> None:
    made = operator.json("keys create --organization ORG --name ci --expires", expires)
    assert made["expires_at"].startswith(end)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--expires", "soon"),
        ("--expires", "0d"),
        ("--expires", "999999d"),
        ("--expires", OLD),
        ("--expires", "9999-12-31T23:59-12:00"),
        ("--expires", "2027-13-01"),
        ("--permission", "fly"),
        ("--scope", "films"),
        ("--scope", "planet:films"),
        ("--scope", "namespace:"),
        ("--scope", "namespace:nowhere"),
        ("--scope", "namespace:films:reed"),
        ("--scope", "bucket:posters"),
        ("--scope", "bucket:bkt_0000000000000000"),
        ("--scope", "bucket:poster*"),
        ("--scope", "bucket:bkt_*:reed"),
        ("--scope", "organization:int_other"),
    ],
)
def test_an_invalid_option_is_named_and_no_key_is_created(operator: Operator, option: str, value: str) -> None:
    before = operator.json("keys list --organization ORG")
    result = operator.run("keys create --organization ORG --name ci", option, value)
    assert result.exit_code == 2
    assert option in result.stderr
    assert operator.json("keys list --organization ORG") == before


def test_the_list_of_keys_has_their_states_and_no_secrets(world: World, operator: Operator) -> None:
    made = {name: operator.json(f"keys create --organization ORG --name {name} --expires 2d") for name in ("a", "b")}
    operator.output("keys revoke --organization ORG", made["a"]["key_id"])
    world.clock.advance(3 * 24 * 3600)
    listed = operator.json("keys list --organization ORG")
    assert {key["name"]: key["state"] for key in listed} == {"first": "active", "a": "revoked", "b": "expired"}
    for text in (json.dumps(listed), operator.output("keys list --organization ORG")):
        for key in made.values():
            assert key["visible"] in text
            assert key["key"][len(key["visible"]) :] not in text
        assert "digest" not in text


def test_a_table_has_a_line_for_each_row_under_its_columns(operator: Operator) -> None:
    operator.output("keys create --organization ORG --name", "two words")
    heading, *lines = operator.output("keys list --organization ORG").splitlines()
    assert heading.split()[:2] == ["KEY_ID", "NAME"]
    column = heading.index("NAME")
    assert [line[column : column + 9].strip() for line in lines] == ["first", "two words"]


def test_rotation_prints_the_new_secret_and_invalidates_the_old_one(world: World, operator: Operator) -> None:
    old = operator.json("keys create --organization ORG --name ci")
    new = operator.output("keys rotate --organization ORG", old["key_id"]).strip()
    assert is_accepted(world, new)
    assert not is_accepted(world, old["key"])
    assert [key["key_id"] for key in operator.json("keys list --organization ORG")].count(old["key_id"]) == 1


def test_a_revoked_key_is_rejected_and_cannot_be_rotated(world: World, operator: Operator) -> None:
    made = operator.json("keys create --organization ORG --name ci")
    operator.output("keys revoke --organization ORG", made["key_id"])
    assert not is_accepted(world, made["key"])
    assert made["key_id"] in error_line(operator.run("keys rotate --organization ORG", made["key_id"]))


def test_the_operator_locks_and_unlocks_a_bucket(world: World, operator: Operator) -> None:
    api = world.api()
    bucket_id = api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    assert operator.json("buckets lock --organization ORG --namespace films posters")["is_locked"] is True
    assert api.patch(f"/v1/buckets/{bucket_id}", {"description": "new"}).status == 403
    assert operator.json("buckets unlock --organization ORG --namespace films", bucket_id)["is_locked"] is False
    assert api.patch(f"/v1/buckets/{bucket_id}", {"description": "new"}).status == 200


@pytest.mark.parametrize(("command", "status"), [("archive", "ARCHIVED"), ("suspend", "SUSPENDED")])
def test_the_operator_archives_or_suspends_a_bucket_and_reactivates_it(
    world: World, operator: Operator, command: str, status: str
) -> None:
    api = world.api()
    api.post("/v1/buckets", bucket_body())
    namespace_id = api.get("/v1/namespaces/films").json["namespace_id"]
    arguments = f"--organization ORG --namespace {namespace_id} posters"
    assert operator.json(f"buckets {command} {arguments}")["status"] == status
    assert api.get("/v1/buckets/posters").json["status"] == status
    assert api.patch("/v1/buckets/posters", {"description": "new"}).status == 409
    assert status in operator.output(f"buckets {command} {arguments}")
    assert operator.json(f"buckets reactivate {arguments}")["status"] == "ACTIVE"
    assert api.patch("/v1/buckets/posters", {"description": "new"}).status == 200


@pytest.mark.parametrize("command", ["lock", "unlock", "archive", "reactivate"])
def test_a_bucket_that_is_being_deleted_cannot_be_changed(world: World, operator: Operator, command: str) -> None:
    bucket_id = world.api().post("/v1/buckets", bucket_body()).json["bucket_id"]
    assert world.api().call("DELETE", f"/v1/buckets/{bucket_id}").status == 200
    before = world.api().get(f"/v1/buckets/{bucket_id}")
    message = error_line(operator.run(f"buckets {command} --organization ORG --namespace films", bucket_id))
    assert before.json["status"] in message
    assert world.api().get(f"/v1/buckets/{bucket_id}").headers["ETag"] == before.headers["ETag"]


def test_a_bucket_is_shown_without_its_settings(world: World, operator: Operator) -> None:
    world.api().post("/v1/buckets", bucket_body(metadata={"note": "hunter2"}))
    assert "hunter2" not in operator.output("buckets lock --organization ORG --namespace films posters --json")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("organizations show int_nowhere", "int_nowhere"),
        ("keys list --organization int_nowhere", "int_nowhere"),
        ("keys create --organization int_nowhere --name ci", "int_nowhere"),
        ("keys rotate --organization ORG key_nowhere", "key_nowhere"),
        ("keys revoke --organization ORG key_nowhere", "key_nowhere"),
        ("namespaces list --organization int_nowhere", "int_nowhere"),
        ("buckets lock --organization int_nowhere --namespace films posters", "int_nowhere"),
        ("buckets lock --organization ORG --namespace nowhere posters", "nowhere"),
        ("buckets archive --organization ORG --namespace films nothing", "nothing"),
    ],
)
def test_a_missing_resource_is_named_in_one_line(operator: Operator, command: str, named: str) -> None:
    assert named in error_line(operator.run(command))


def test_an_invalid_name_is_rejected_in_one_line(operator: Operator) -> None:
    assert "name" in error_line(operator.run("organizations create", "two\nlines")).lower()


def test_an_invalid_setting_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKETS_ENGINE", "steam")
    assert "BUCKETS_ENGINE" in error_line(Operator(services, "").run("organizations list"))


def test_a_missing_table_is_reported_in_one_line(client: DynamoDBClient) -> None:
    nowhere = build(Settings(catalog_table="nowhere"), client, no_s3)
    assert "BUCKETS_CATALOG_TABLE" in error_line(Operator(lambda: nowhere, "").run("organizations show int_1"))


def unavailable() -> Unavailable:
    error = Unavailable()
    error.__cause__ = ConnectionError("no route to host")
    return error


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (FolderInUse(Path("/somewhere")), "/somewhere"),
        (PermissionError(13, "Permission denied", "/somewhere"), "/somewhere"),
        (NoCredentialsError(), "credentials"),
        (ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not\nyou"}}, "Query"), "not you"),
        (unavailable(), "no route to host"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_unusable_storage_is_reported_in_one_line(error: Exception, named: str) -> None:
    def broken() -> Services:
        raise error

    assert named in error_line(Operator(broken, "").run("organizations list"))


def test_a_closed_pipe_ends_the_command_without_a_message() -> None:
    def closed_pipe() -> Services:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    result = Operator(closed_pipe, "").run("organizations list")
    assert (result.exit_code, result.output) == (1, "")


def test_the_command_line_uses_the_services_of_the_settings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "services", lambda: world.services)
    result = CliRunner().invoke(admin, ["organizations", "list"])
    assert world.organization_id in result.stdout


def test_help_needs_no_services() -> None:
    def no_services() -> Services:
        raise AssertionError

    for command in ("", "keys create", "buckets lock", "organizations show", "namespaces list"):
        result = Operator(no_services, "").run(command, "--help")
        assert result.exit_code == 0
        assert "Usage:" in result.stdout


@pytest.mark.parametrize("processing", [False, True])
def test_only_a_command_that_asks_for_it_processes_batches(
    world: World, monkeypatch: pytest.MonkeyPatch, processing: bool
) -> None:
    started: list[Handlers] = []
    monkeypatch.setenv("BUCKETS_ENGINE", "embedded")
    monkeypatch.setattr(Folder, "require_engine", lambda folder: None)
    monkeypatch.setattr(wiring, "services", lambda: world.services)
    monkeypatch.setattr(events, "start_events", lambda settings, found, handlers: started.append(handlers))
    assert services(processing=processing) is world.services
    assert [handlers.batch is not None for handlers in started] == [processing]
