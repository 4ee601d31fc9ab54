"""The packaged template: tables, functions, event sources, routes."""

from __future__ import annotations

from typing import Any

import pytest

from app import app
from chalicelib.settings import Settings
from chalicelib.uploads.upload import STAGING
from tests.support.template import references, resources_of_type

Template = dict[str, Any]

# Settings of the embedded engine and for development, which deployed functions do not have.
EMBEDDED_ONLY = {"data_dir", "port", "dev_key", "batch_threads", "allow_private_urls"}
# RetainExceptOnCreate: if the creation of the stack fails, empty tables are deleted.
KEPT = ("RetainExceptOnCreate", "Retain")
FUNCTIONS = (
    "APIHandler",
    "OnObjectsChange",
    "OnCatalogChange",
    "OnTask",
    "OnBatchMessage",
    "OnBlobArrival",
    "OnMirrorMessage",
)


@pytest.fixture(params=FUNCTIONS)
def function(template: Template, request: pytest.FixtureRequest) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"][request.param]["Properties"]
    return properties


@pytest.fixture(params=["CatalogTable", "ObjectsTable"])
def table(template: Template, request: pytest.FixtureRequest) -> dict[str, Any]:
    resource: dict[str, Any] = template["Resources"][request.param]
    return resource


def test_there_are_two_tables_and_a_function_for_requests_and_for_each_stream_and_queue(template: Template) -> None:
    assert set(resources_of_type(template, "AWS::DynamoDB::Table")) == {"CatalogTable", "ObjectsTable"}
    assert set(resources_of_type(template, "AWS::Serverless::Function")) == set(FUNCTIONS)


def test_all_references_are_resolved(template: Template) -> None:
    declared = {*template["Resources"], *template["Parameters"]}
    named = set(references({"Resources": template["Resources"], "Outputs": template["Outputs"]}))
    assert {name for name in named if not name.startswith("AWS::")} - {"RestAPIId"} <= declared


def test_tables_are_retained_when_the_stack_is_deleted(table: dict[str, Any]) -> None:
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == KEPT


def test_tables_are_billed_per_request_and_have_backups_and_streams(table: dict[str, Any]) -> None:
    properties = table["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    # Without SSESpecification, DynamoDB encrypts with its own key. Any other key is billed per request.
    assert "SSESpecification" not in properties
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_tables_have_no_fixed_names_so_that_an_account_can_have_several_stacks(
    table: dict[str, Any],
) -> None:
    assert "TableName" not in table["Properties"]


def test_tables_declare_exactly_the_attributes_that_are_keys(table: dict[str, Any]) -> None:
    properties = table["Properties"]
    indexed = [properties, *properties["GlobalSecondaryIndexes"]]
    keys = {key["AttributeName"] for keyed in indexed for key in keyed["KeySchema"]}
    assert {attribute["AttributeName"] for attribute in properties["AttributeDefinitions"]} == keys


@pytest.mark.parametrize(
    ("table_id", "index", "hash_key", "range_key"),
    [
        ("CatalogTable", None, "pk", "sk"),
        ("CatalogTable", "by_name", "ns", "name_key"),
        ("ObjectsTable", None, "bucket_id", "object_id"),
        ("ObjectsTable", "by_created", "bucket_id", "created_key"),
        ("ObjectsTable", "by_size", "bucket_id", "size_key"),
    ],
)
def test_keys_of_tables_and_indexes(
    template: Template, table_id: str, index: str | None, hash_key: str, range_key: str
) -> None:
    properties = template["Resources"][table_id]["Properties"]
    indexes = {made["IndexName"]: made for made in properties["GlobalSecondaryIndexes"]}
    keyed = indexes[index] if index else properties
    assert [(key["AttributeName"], key["KeyType"]) for key in keyed["KeySchema"]] == [
        (hash_key, "HASH"),
        (range_key, "RANGE"),
    ]


def test_files_are_retained_and_private(template: Template) -> None:
    bucket = template["Resources"]["BlobBucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == KEPT
    properties = bucket["Properties"]
    assert "BucketName" not in properties
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


def test_files_are_accessible_over_tls_only(template: Template) -> None:
    policy = template["Resources"]["BlobBucketPolicy"]["Properties"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert policy["Bucket"] == {"Ref": "BlobBucket"}
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [{"Fn::GetAtt": ["BlobBucket", "Arn"]}, {"Fn::Sub": "${BlobBucket.Arn}/*"}]


def test_incomplete_uploads_are_aborted_and_only_staged_files_and_former_versions_expire(template: Template) -> None:
    rules = template["Resources"]["BlobBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule.pop("Id") for rule in rules} == {
        "AbortStaleMultipartUploads",
        "RemoveStagedUploads",
        "RemoveFormerVersions",
    }
    assert rules == [
        {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        {
            "Status": "Enabled",
            "Prefix": f"{STAGING}/",
            "ExpirationInDays": 2,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {
                "NoncurrentDays": {"Fn::If": ["FilesAreVersioned", {"Ref": "FileVersionDays"}, 1]}
            },
            "ExpiredObjectDeleteMarker": True,
        },
    ]


def test_browsers_may_upload_and_download_files(template: Template) -> None:
    (rule,) = template["Resources"]["BlobBucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert {"GET", "PUT"} <= set(rule["AllowedMethods"])
    assert rule["AllowedOrigins"] == rule["AllowedHeaders"] == ["*"]


def test_only_the_catalog_has_a_time_to_live(template: Template) -> None:
    catalog, objects = (template["Resources"][name]["Properties"] for name in ("CatalogTable", "ObjectsTable"))
    assert catalog["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert "TimeToLiveSpecification" not in objects


def test_functions_have_all_settings_except_those_of_the_embedded_engine(
    function: dict[str, Any],
) -> None:
    variables = function["Environment"]["Variables"]
    expected = {f"BUCKETS_{name.upper()}" for name in Settings.__dataclass_fields__ if name not in EMBEDDED_ONLY}
    assert {name for name in variables if name.startswith("BUCKETS_")} == expected


def test_the_function_uses_the_tables_of_its_own_stack(function: dict[str, Any]) -> None:
    variables = function["Environment"]["Variables"]
    assert variables["BUCKETS_CATALOG_TABLE"] == {"Ref": "CatalogTable"}
    assert variables["BUCKETS_OBJECTS_TABLE"] == {"Ref": "ObjectsTable"}
    assert variables["BUCKETS_BLOB_BUCKET"] == {"Ref": "BlobBucket"}
    assert variables["BUCKETS_ENGINE"] == "aws"


def test_the_function_times_out_before_the_gateway(template: Template) -> None:
    gateway_seconds = 29
    assert template["Resources"]["APIHandler"]["Properties"]["Timeout"] < gateway_seconds


def test_logs_expire(template: Template, function: dict[str, Any]) -> None:
    group = function["LoggingConfig"]["LogGroup"]["Ref"]
    assert template["Resources"][group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetention"}
    assert template["Parameters"]["LogRetention"]["Default"] == 30


def test_every_route_is_in_the_gateway(template: Template) -> None:
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    declared = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    assert {(path, method) for path, methods in app.routes.items() for method in methods} <= declared
    assert {(path, "OPTIONS") for path in app.routes} <= declared


def test_a_position_in_a_path_has_one_variable_name() -> None:
    # API Gateway rejects a second name; `chalice local` accepts it.
    names: dict[tuple[str, ...], set[str]] = {}
    for route in app.routes:
        parts = route.split("/")
        shape = ["{}" if part.startswith("{") else part for part in parts]
        for position, part in enumerate(parts):
            if part.startswith("{"):
                names.setdefault(tuple(shape[:position]), set()).add(part)
    assert {parent: found for parent, found in names.items() if len(found) > 1} == {}


def test_no_route_ends_with_a_slash() -> None:
    assert [route for route in app.routes if route.endswith("/")] == []
