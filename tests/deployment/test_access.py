"""The first deployment creates one key, even if an earlier attempt was interrupted."""

from __future__ import annotations

import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from chalicelib.access.models import PERMISSIONS
from chalicelib.services import Services
from chalicelib.settings import Settings, read_settings
from chalicelib.wiring import build
from deployment.first_access import environment, first_key
from tests.support.api import Api
from tests.support.engine import Tables


@pytest.fixture
def services(client: DynamoDBClient, tables: Tables, s3: S3Client, blob_bucket: str) -> Services:
    """The services of a new stage without data."""
    settings = Settings(catalog_table=tables.catalog, objects_table=tables.objects, blob_bucket=blob_bucket)
    return build(settings, client, lambda: s3)


def test_the_first_key_has_all_permissions_and_a_namespace(services: Services) -> None:
    key = first_key(services)
    assert key is not None
    assert services.access.authenticate(f"Bearer {key}").permissions == PERMISSIONS
    body = {"bucket_name": "posters", "bucket_schema": {"properties": {}}}
    assert Api(lambda: services, key, "default").post("/v1/buckets", body).status == 200


def test_no_key_is_created_if_one_exists(services: Services) -> None:
    first_key(services)
    assert first_key(services) is None
    (organization,) = services.access.list_organizations()
    assert len(services.access.list_keys(organization.organization_id)) == 1


def test_a_deployment_that_was_interrupted_before_the_key_is_continued(services: Services) -> None:
    existing = services.access.create_organization("First organization")
    key = first_key(services)
    assert services.access.authenticate(f"Bearer {key}").organization_id == existing.organization_id
    assert len(services.access.list_organizations()) == 1


def test_the_settings_of_a_stage_are_the_outputs_of_its_stack() -> None:
    outputs = {
        "CatalogTableName": "catalog",
        "ObjectsTableName": "objects",
        "BlobBucketName": "blobs",
        "TaskQueueUrl": "https://tasks",
        "BatchQueueUrl": "https://batches",
        "DeadLettersUrl": "https://dead",
    }
    settings = read_settings(environment(outputs))
    assert (settings.engine, settings.catalog_table, settings.objects_table) == ("aws", "catalog", "objects")
    assert settings.blob_bucket == "blobs"
    assert (settings.task_queue_url, settings.batch_queue_url, settings.dead_letter_queue_url) == (
        "https://tasks",
        "https://batches",
        "https://dead",
    )
