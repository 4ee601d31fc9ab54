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
from chalicelib.local.journal.folder import FolderInUse
from chalicelib.services import Services
from chalicelib.settings import Settings
from chalicelib.wiring import build
from tests.support.engine import no_s3
from tests.support.world import World, bucket_body

OLD = "2020-01-01"


@dataclass(frozen=True)
class Operator:
    """Somebody at the command line."""

    services: Callable[[], Services]
    organization_id: str

    def run(self, words: str, *more: str) -> Result:
        """A command, the organization filled in for `ORG`."""
        given = [self.organization_id if word == "ORG" else word for word in words.split()]
        return CliRunner().invoke(admin, [*given, *more], obj=self.services)

    def does(self, words: str, *more: str) -> str:
        """What a command that succeeds prints."""
        result = self.run(words, *more)
        assert result.exit_code == 0, result.output
        return result.stdout

    def reads(self, words: str, *more: str) -> Any:
        """What a command prints for scripts."""
        return json.loads(self.does(words, *more, "--json"))


@pytest.fixture
def operator(world: World) -> Operator:
    return Operator(lambda: world.services, world.organization_id)


def complaint(result: Result) -> str:
    """The one line that a command says when it cannot do its work."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def opens(world: World, key: str) -> bool:
    return world.api(key=key).get("/v1/namespaces/films").status == 200


def test_from_nothing_to_a_key_that_works(world: World, operator: Operator) -> None:
    made = operator.reads("organizations create", "Cinema Paradiso")
    assert made["name"] == "Cinema Paradiso"
    key = operator.does(f"keys create --organization {made['organization_id']} --name ci --permission admin").strip()
    assert world.api(key=key).post("/v1/namespaces", {"namespace_name": "reels"}).status == 200
    assert operator.reads(f"organizations show {made['organization_id']}")["namespace_count"] == 1
    assert operator.reads(f"namespaces list --organization {made['organization_id']}")[0]["namespace_name"] == "reels"


def test_organizations_are_listed(operator: Operator) -> None:
    operator.does("organizations create Other")
    assert [each["name"] for each in operator.reads("organizations list")] == ["Studio", "Other"]
    assert "Studio" in operator.does("organizations list")


def test_standard_output_holds_the_key_and_nothing_else(world: World, operator: Operator) -> None:
    result = operator.run("keys create --organization ORG --name ci")
    assert result.stdout == result.stdout.strip() + "\n"
    assert opens(world, result.stdout.strip())
    assert "not be shown again" in result.stderr


def test_a_key_for_scripts_comes_with_what_it_may_do(world: World, operator: Operator) -> None:
    made = operator.reads("keys create --organization ORG --name ci --permission read")
    assert opens(world, made.pop("key"))
    assert made["permissions"] == ["read"]
    assert operator.reads("keys list --organization ORG")[-1] == made


def test_without_a_word_a_key_may_do_all_but_administer(operator: Operator) -> None:
    made = operator.reads("keys create --organization ORG --name ci")
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
def test_scopes_are_shown_as_they_were_typed(operator: Operator, scope: str) -> None:
    made = operator.reads("keys create --organization ORG --name ci --scope", scope, "--scope", "namespace:*:read")
    assert made["scopes"] == [scope, "namespace:*:read"]


def test_a_scoped_key_is_bound(world: World, operator: Operator) -> None:
    key = operator.does("keys create --organization ORG --name ci --scope namespace:films:read").strip()
    assert opens(world, key)
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
def test_a_key_ends_at_a_time_or_after_a_period(operator: Operator, expires: str, end: str) -> None:
    made = operator.reads("keys create --organization ORG --name ci --expires", expires)
    assert made["expires_at"].startswith(end)


@pytest.mark.parametrize(
    ("option", "word"),
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
    ],
)
def test_a_mistyped_option_is_named_and_makes_no_key(operator: Operator, option: str, word: str) -> None:
    before = operator.reads("keys list --organization ORG")
    result = operator.run("keys create --organization ORG --name ci", option, word)
    assert result.exit_code == 2
    assert option in result.stderr
    assert operator.reads("keys list --organization ORG") == before


def test_a_listing_tells_the_state_of_every_key_and_no_secret(world: World, operator: Operator) -> None:
    made = {name: operator.reads(f"keys create --organization ORG --name {name} --expires 2d") for name in ("a", "b")}
    operator.does("keys revoke --organization ORG", made["a"]["key_id"])
    world.clock.advance(3 * 24 * 3600)
    listed = operator.reads("keys list --organization ORG")
    assert {key["name"]: key["state"] for key in listed} == {"first": "active", "a": "revoked", "b": "expired"}
    for text in (json.dumps(listed), operator.does("keys list --organization ORG")):
        for key in made.values():
            assert key["visible"] in text
            assert key["key"][len(key["visible"]) :] not in text
        assert "digest" not in text


def test_a_table_has_a_line_for_each_thing_under_its_columns(operator: Operator) -> None:
    operator.does("keys create --organization ORG --name", "two words")
    heading, *lines = operator.does("keys list --organization ORG").splitlines()
    assert heading.split()[:2] == ["KEY_ID", "NAME"]
    place = heading.index("NAME")
    assert [line[place : place + 9].strip() for line in lines] == ["first", "two words"]


def test_rotation_prints_the_new_key_and_ends_the_old_one(world: World, operator: Operator) -> None:
    old = operator.reads("keys create --organization ORG --name ci")
    new = operator.does("keys rotate --organization ORG", old["key_id"]).strip()
    assert opens(world, new)
    assert not opens(world, old["key"])
    assert [key["key_id"] for key in operator.reads("keys list --organization ORG")].count(old["key_id"]) == 1


def test_a_revoked_key_opens_nothing_and_cannot_be_rotated(world: World, operator: Operator) -> None:
    made = operator.reads("keys create --organization ORG --name ci")
    operator.does("keys revoke --organization ORG", made["key_id"])
    assert not opens(world, made["key"])
    assert made["key_id"] in complaint(operator.run("keys rotate --organization ORG", made["key_id"]))


def test_the_operator_locks_and_unlocks_a_bucket(world: World, operator: Operator) -> None:
    api = world.api()
    bucket_id = api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    assert operator.reads("buckets lock --organization ORG --namespace films posters")["is_locked"] is True
    assert api.patch(f"/v1/buckets/{bucket_id}", {"description": "new"}).status == 403
    assert operator.reads("buckets unlock --organization ORG --namespace films", bucket_id)["is_locked"] is False
    assert api.patch(f"/v1/buckets/{bucket_id}", {"description": "new"}).status == 200


@pytest.mark.parametrize(("command", "status"), [("archive", "ARCHIVED"), ("suspend", "SUSPENDED")])
def test_the_operator_retires_a_bucket_and_brings_it_back(
    world: World, operator: Operator, command: str, status: str
) -> None:
    api = world.api()
    api.post("/v1/buckets", bucket_body())
    namespace_id = api.get("/v1/namespaces/films").json["namespace_id"]
    place = f"--organization ORG --namespace {namespace_id} posters"
    assert operator.reads(f"buckets {command} {place}")["status"] == status
    assert api.get("/v1/buckets/posters").json["status"] == status
    assert api.patch("/v1/buckets/posters", {"description": "new"}).status == 409
    assert status in operator.does(f"buckets {command} {place}")
    assert operator.reads(f"buckets reactivate {place}")["status"] == "ACTIVE"
    assert api.patch("/v1/buckets/posters", {"description": "new"}).status == 200


@pytest.mark.parametrize("command", ["lock", "unlock", "archive", "reactivate"])
def test_a_bucket_that_is_being_deleted_is_left_as_it_is(world: World, operator: Operator, command: str) -> None:
    bucket_id = world.api().post("/v1/buckets", bucket_body()).json["bucket_id"]
    assert world.api().call("DELETE", f"/v1/buckets/{bucket_id}").status == 200
    before = world.api().get(f"/v1/buckets/{bucket_id}")
    said = complaint(operator.run(f"buckets {command} --organization ORG --namespace films", bucket_id))
    assert before.json["status"] in said
    assert world.api().get(f"/v1/buckets/{bucket_id}").headers["ETag"] == before.headers["ETag"]


def test_a_bucket_is_shown_without_its_settings(world: World, operator: Operator) -> None:
    world.api().post("/v1/buckets", bucket_body(metadata={"note": "hunter2"}))
    assert "hunter2" not in operator.does("buckets lock --organization ORG --namespace films posters --json")


@pytest.mark.parametrize(
    ("words", "named"),
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
def test_what_is_not_there_is_named_in_one_line(operator: Operator, words: str, named: str) -> None:
    assert named in complaint(operator.run(words))


def test_a_name_that_is_none_is_refused_in_one_line(operator: Operator) -> None:
    assert "name" in complaint(operator.run("organizations create", "two\nlines")).lower()


def test_a_bad_setting_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKETS_ENGINE", "steam")
    assert "BUCKETS_ENGINE" in complaint(Operator(services, "").run("organizations list"))


def test_missing_tables_are_one_line(client: DynamoDBClient) -> None:
    nowhere = build(Settings(catalog_table="nowhere"), client, no_s3)
    assert "BUCKETS_CATALOG_TABLE" in complaint(Operator(lambda: nowhere, "").run("organizations show int_1"))


def busy() -> Unavailable:
    refusal = Unavailable()
    refusal.__cause__ = ConnectionError("the cable is out")
    return refusal


@pytest.mark.parametrize(
    ("trouble", "named"),
    [
        (FolderInUse(Path("/somewhere")), "/somewhere"),
        (PermissionError(13, "Permission denied", "/somewhere"), "/somewhere"),
        (NoCredentialsError(), "credentials"),
        (ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not\nyou"}}, "Query"), "not you"),
        (busy(), "the cable is out"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_storage_that_cannot_be_used_is_one_line(trouble: Exception, named: str) -> None:
    def broken() -> Services:
        raise trouble

    assert named in complaint(Operator(broken, "").run("organizations list"))


def test_whoever_stops_reading_is_told_nothing() -> None:
    def cut_off() -> Services:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    result = Operator(cut_off, "").run("organizations list")
    assert (result.exit_code, result.output) == (1, "")


def test_the_command_line_reaches_the_services_of_the_settings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "services", lambda: world.services)
    result = CliRunner().invoke(admin, ["organizations", "list"])
    assert world.organization_id in result.stdout


def test_help_needs_no_services() -> None:
    def nobody() -> Services:
        raise AssertionError

    for words in ("", "keys create", "buckets lock", "organizations show", "namespaces list"):
        result = Operator(nobody, "").run(words, "--help")
        assert result.exit_code == 0
        assert "Usage:" in result.stdout
