"""Creating, updating and removing stages."""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.conftest import new_sdk
from tests.deployed.emulator import eventually
from tests.deployed.stage import RESOURCE_TYPES, StageOnEmulator
from tests.support.objects import POSTER

SCHEMA = {"properties": {"film_id": {"type": "string"}, "poster": {"type": "image"}}}
NewStage = Callable[[str], StageOnEmulator]


def deployed(stage: StageOnEmulator, *parameters: str) -> dict[str, str]:
    result = stage.deploy(*parameters)
    assert result.exit_code == 0, result.progress
    return result.exports


def test_a_stage_is_created_and_removed_completely(new_stage: NewStage, stage: StageOnEmulator, api_key: str) -> None:
    temporary = new_stage("passing")
    assert temporary.inventory() == {}
    deployed(temporary, "AlarmEmail=operator@example.com")
    assert set(temporary.inventory()) == set(RESOURCE_TYPES)
    key = deployed(temporary).get("MIXPEEK_API_KEY")
    assert key is None, "only the first deployment creates a key"
    assert temporary.destroy("--delete-data").exit_code == 0
    assert temporary.inventory() == {}
    assert stage.call("GET", "/v1/buckets", api_key).status == 200, "the other stage still works"


def test_the_first_deployment_prints_the_settings_of_a_client(new_stage: NewStage) -> None:
    exports = deployed(new_stage("fresh"))
    assert set(exports) == {"MIXPEEK_BASE_URL", "MIXPEEK_API_KEY", "MIXPEEK_NAMESPACE"}
    assert exports["MIXPEEK_BASE_URL"].endswith("/v1")
    assert exports["MIXPEEK_NAMESPACE"] == "default"


def test_an_update_keeps_data_and_other_parameters(new_stage: NewStage) -> None:
    stage = new_stage("growing")
    key = deployed(stage, "--tag", "team=films", "LogRetention=7")["MIXPEEK_API_KEY"]
    made = new_sdk(stage.address, key, "default").client.buckets.create(name="posters", bucket_schema=SCHEMA)
    deployed(stage, "ApiMemory=2048", "PublicUrl=https://buckets.example.com")
    assert new_sdk(stage.address, key, "default").client.buckets.get("posters").bucket_id == made.bucket_id
    (stack,) = stage.emulator.client("cloudformation").describe_stacks(StackName=stage.stack)["Stacks"]
    assert {tag["Key"]: tag["Value"] for tag in stack["Tags"]} == {"team": "films", "stage": "growing"}
    functions = stage.emulator.client("lambda").list_functions()["Functions"]
    assert 2048 in [each["MemorySize"] for each in functions if stage.stack in each["FunctionName"]]
    groups = stage.emulator.client("logs").describe_log_groups()["logGroups"]
    assert {each["retentionInDays"] for each in groups if stage.stack in each["logGroupName"]} == {7}


def test_a_deployment_without_changes_succeeds_and_reports_it(stage: StageOnEmulator, api_key: str) -> None:
    result = stage.deploy()
    assert result.exit_code == 0
    assert "already up to date" in result.progress
    assert set(result.exports) == {"MIXPEEK_BASE_URL"}


def test_removing_a_stage_keeps_its_data_and_lists_it(new_stage: NewStage) -> None:
    stage = new_stage("kept")
    deployed(stage)
    outputs = stage.outputs
    data = [outputs[name] for name in ("CatalogTableName", "ObjectsTableName", "BlobBucketName")]
    result = stage.destroy()
    assert result.exit_code == 0
    assert all(name in result.progress for name in [*data, "DELETE_DATA=yes"])
    assert sorted(name for names in stage.inventory().values() for name in names) == sorted(data)
    dynamodb = stage.emulator.client("dynamodb")
    tables = [
        dynamodb.describe_table(TableName=outputs[name])["Table"] for name in ("CatalogTableName", "ObjectsTableName")
    ]
    assert [table["DeletionProtectionEnabled"] for table in tables] == [True, True]
    assert "deletion protection" not in result.progress
    result = stage.destroy("--delete-data")
    assert result.exit_code == 0
    for table in tables:
        assert f"Turning off the deletion protection of {table['TableName']}" in result.progress
    assert stage.inventory() == {}


def test_a_stage_with_the_delete_policy_is_removed_with_its_data(new_stage: NewStage) -> None:
    stage = new_stage("throwaway")
    deployed(stage)
    deployed(stage, "RemovalPolicy=delete")
    stage.emulator.client("s3").put_object(Bucket=stage.outputs["BlobBucketName"], Key="blobs/a/b/c", Body=b"c")
    assert stage.destroy().exit_code == 0
    assert stage.inventory() == {}


def test_an_invalid_parameter_value_is_reported_and_creates_nothing(new_stage: NewStage) -> None:
    stage = new_stage("mistaken")
    result = stage.deploy("LogRetention=2")
    assert result.exit_code == 1
    assert "LogRetention" in result.progress
    assert stage.run("settings").exit_code == 1
    result = stage.deploy("Memory=2")
    assert result.exit_code == 1
    assert "no parameter Memory" in result.progress


def test_the_policies_of_functions_are_enforced(new_stage: NewStage) -> None:
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


def test_the_data_of_a_stage_is_copied_to_another_and_counted_there(new_stage: NewStage) -> None:
    old, new = new_stage("old"), new_stage("new")
    key = deployed(old)["MIXPEEK_API_KEY"]
    sdk = new_sdk(old.address, key, "default")
    sdk.client.buckets.create(name="posters", bucket_schema=SCHEMA)
    made = sdk.client.buckets.upload("posters", data=POSTER["data"], film_id="tt0017136")
    eventually(lambda: bool(sdk.client.buckets.get("posters").object_count == 1))
    deployed(new)
    outputs = old.outputs
    names = {"catalog": outputs["CatalogTableName"], "objects": outputs["ObjectsTableName"]}
    options = [f"--{kind}-table={name}" for kind, name in names.items()]
    result = new.run("copy", *options, f"--blob-bucket={outputs['BlobBucketName']}")
    assert result.exit_code == 0, result.progress
    copied = new_sdk(new.address, key, "default")
    eventually(lambda: bool(copied.client.buckets.get("posters").object_count == 1))
    found = copied.objects.get_object_buckets("posters", made.object_id)
    assert found.blobs[0].properties["url"].startswith(f"s3://{new.outputs['BlobBucketName']}/")
