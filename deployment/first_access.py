"""Creates the organization, the namespace and the key of the first client of a stage."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.access.models import PERMISSIONS
from chalicelib.connections import connect, connect_s3
from chalicelib.local.bootstrap import ensure_default_namespace
from chalicelib.services import Services
from chalicelib.settings import environment_variable, read_settings
from chalicelib.wiring import build

ORGANIZATION_NAME = "First organization"
KEY_NAME = "Made by the first deployment"
OUTPUTS = {
    "catalog_table": "CatalogTableName",
    "objects_table": "ObjectsTableName",
    "blob_bucket": "BlobBucketName",
    "task_queue_url": "TaskQueueUrl",
    "batch_queue_url": "BatchQueueUrl",
    "dead_letter_queue_url": "DeadLettersUrl",
}


def environment(outputs: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment variables with which the operator's command line uses a deployed stage."""
    return {"BUCKETS_ENGINE": "aws"} | {environment_variable(name): outputs[output] for name, output in OUTPUTS.items()}


def services_of(outputs: Mapping[str, str]) -> Services:
    """Returns the services that use the tables and files of a deployed stage."""
    settings = read_settings(environment(outputs))
    return build(settings, connect(settings), connect_s3(settings))


def first_key(services: Services) -> str | None:
    """Creates a key with all permissions, in an organization with a namespace, and returns its secret.

    Returns None if any organization has a key. If an earlier call was interrupted, what it created is used.
    """
    organizations = services.access.list_organizations()
    if any(services.access.list_keys(each.organization_id) for each in organizations):
        return None
    first = organizations[0] if organizations else services.access.create_organization(ORGANIZATION_NAME)
    ensure_default_namespace(services, first.organization_id)
    return services.access.create_key(first.organization_id, name=KEY_NAME, permissions=PERMISSIONS).secret
