"""Stages come up from nothing, keep their data, live side by side, and go away."""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.conftest import new_sdk
from tests.deployed.emulator import eventually
from tests.deployed.stage import KINDS, StageOnEmulator
from tests.support.objects import POSTER

SCHEMA = {"properties": {"film_id": {"type": "string"}, "poster": {"type": "image"}}}
NewStage = Callable[[str], StageOnEmulator]


def deployed(stage: StageOnEmulator, *parameters: str) -> dict[str, str]:
    said = stage.deploy(*parameters)
    assert said.exit_code == 0, said.progress
    return said.exports


def test_a_stage_comes_up_from_nothing_and_goes_away_without_leftovers(
    new_stage: NewStage, stage: StageOnEmulator, api_key: str
) -> None:
    passing = new_stage("passing")
    assert passing.inventory() == {}
    deployed(passing, "AlarmEmail=operator@example.com")
    assert set(passing.inventory()) == set(KINDS)
    key = deployed(passing).get("MIXPEEK_API_KEY")
    assert key is None, "a key is made once"
    assert passing.destroy("--delete-data").exit_code == 0
    assert passing.inventory() == {}
    assert stage.call("GET", "/v1/buckets", api_key).status == 200, "another stage goes on"


def test_the_first_deployment_prints_what_a_client_needs_and_no_more(new_stage: NewStage) -> None:
    exports = deployed(new_stage("fresh"))
    assert set(exports) == {"MIXPEEK_BASE_URL", "MIXPEEK_API_KEY", "MIXPEEK_NAMESPACE"}
    assert exports["MIXPEEK_BASE_URL"].endswith("/v1")
    assert exports["MIXPEEK_NAMESPACE"] == "default"


def test_an_upgrade_keeps_data_and_the_parameters_that_it_does_not_name(new_stage: NewStage) -> None:
    stage = new_stage("growing")
    key = deployed(stage, "LogRetention=7")["MIXPEEK_API_KEY"]
    made = new_sdk(stage.address, key, "default").client.buckets.create(name="posters", bucket_schema=SCHEMA)
    deployed(stage, "ApiMemory=2048", "PublicUrl=https://buckets.example.com")
    assert new_sdk(stage.address, key, "default").client.buckets.get("posters").bucket_id == made.bucket_id
    functions = stage.emulator.client("lambda").list_functions()["Functions"]
    assert 2048 in [each["MemorySize"] for each in functions if stage.stack in each["FunctionName"]]
    groups = stage.emulator.client("logs").describe_log_groups()["logGroups"]
    assert {each["retentionInDays"] for each in groups if stage.stack in each["logGroupName"]} == {7}


def test_a_deployment_without_changes_succeeds_and_says_so(stage: StageOnEmulator, api_key: str) -> None:
    said = stage.deploy()
    assert said.exit_code == 0
    assert "nothing has changed" in said.progress
    assert set(said.exports) == {"MIXPEEK_BASE_URL"}


def test_removing_a_stage_keeps_its_data_and_says_what_and_how_to_remove_it(new_stage: NewStage) -> None:
    stage = new_stage("kept")
    deployed(stage)
    outputs = stage.outputs
    data = [outputs[name] for name in ("CatalogTableName", "ObjectsTableName", "BlobBucketName")]
    said = stage.destroy()
    assert said.exit_code == 0
    assert all(name in said.progress for name in [*data, "DELETE_DATA=yes"])
    assert sorted(name for names in stage.inventory().values() for name in names) == sorted(data)
    assert stage.destroy("--delete-data").exit_code == 0
    assert stage.inventory() == {}


def test_a_stage_whose_policy_is_to_delete_takes_its_data_along(new_stage: NewStage) -> None:
    stage = new_stage("throwaway")
    deployed(stage)
    deployed(stage, "RemovalPolicy=delete")
    stage.emulator.client("s3").put_object(Bucket=stage.outputs["BlobBucketName"], Key="blobs/a/b/c", Body=b"c")
    assert stage.destroy().exit_code == 0
    assert stage.inventory() == {}


def test_a_value_that_a_parameter_cannot_have_is_told_and_leaves_nothing(new_stage: NewStage) -> None:
    stage = new_stage("mistaken")
    said = stage.deploy("LogRetention=2")
    assert said.exit_code == 1
    assert "LogRetention" in said.progress
    assert stage.say("settings").exit_code == 1
    said = stage.deploy("Memory=2")
    assert said.exit_code == 1
    assert "no parameter Memory" in said.progress


def test_functions_may_do_what_their_policies_say_and_no_more(new_stage: NewStage) -> None:
    stage = new_stage("powerless")
    key = deployed(stage)["MIXPEEK_API_KEY"]
    iam = stage.emulator.client("iam")
    (role,) = [
        each["RoleName"] for each in iam.list_roles()["Roles"] if f"{stage.stack}-ApiHandler" in each["RoleName"]
    ]
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    assert stage.call("GET", "/v1/health").status == 200
    assert stage.call("GET", "/v1/buckets", key).status == 500


def test_what_one_stage_holds_is_copied_into_another_and_counted_there(new_stage: NewStage) -> None:
    old, new = new_stage("old"), new_stage("new")
    key = deployed(old)["MIXPEEK_API_KEY"]
    sdk = new_sdk(old.address, key, "default")
    sdk.client.buckets.create(name="posters", bucket_schema=SCHEMA)
    made = sdk.client.buckets.upload("posters", data=POSTER["data"], film_id="tt0017136")
    eventually(lambda: bool(sdk.client.buckets.get("posters").object_count == 1))
    deployed(new)
    former = old.outputs
    names = {"catalog": former["CatalogTableName"], "objects": former["ObjectsTableName"]}
    options = [f"--{kind}-table={name}" for kind, name in names.items()]
    said = new.say("copy", *options, f"--blob-bucket={former['BlobBucketName']}")
    assert said.exit_code == 0, said.progress
    copied = new_sdk(new.address, key, "default")
    eventually(lambda: bool(copied.client.buckets.get("posters").object_count == 1))
    seen = copied.objects.get_object_buckets("posters", made.object_id)
    assert seen.blobs[0].properties["url"].startswith(f"s3://{new.outputs['BlobBucketName']}/")
