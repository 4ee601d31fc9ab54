"""What a stage needs before its first client: an organization, a namespace, a key."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.access.models import PERMISSIONS
from chalicelib.local.bootstrap import ensure_default_namespace
from chalicelib.services import Services
from chalicelib.settings import read_settings, variable
from chalicelib.wiring import build, connect, connect_s3

FIRST = "First organization"
KEY = "Made by the first deployment"
OUTPUTS = {
    "catalog_table": "CatalogTableName",
    "objects_table": "ObjectsTableName",
    "blob_bucket": "BlobBucketName",
    "task_queue_url": "TaskQueueUrl",
    "dead_letter_queue_url": "DeadLettersUrl",
}


def environment(outputs: Mapping[str, str]) -> dict[str, str]:
    """The settings by which the operator's command line works on a deployed stage."""
    return {"BUCKETS_ENGINE": "aws"} | {variable(name): outputs[output] for name, output in OUTPUTS.items()}


def services_of(outputs: Mapping[str, str]) -> Services:
    """The services over the tables and files of a deployed stage."""
    settings = read_settings(environment(outputs))
    return build(settings, connect(settings), connect_s3(settings))


def first_key(services: Services) -> str | None:
    """A key with every permission, in an organization with a namespace; None where anybody has a key already.

    A deployment that ended in between is gone on with, and nothing is made twice.
    """
    organizations = services.access.list_organizations()
    if any(services.access.list_keys(each.organization_id) for each in organizations):
        return None
    first = organizations[0] if organizations else services.access.create_organization(FIRST)
    ensure_default_namespace(services, first.organization_id)
    return services.access.create_key(first.organization_id, name=KEY, permissions=PERMISSIONS).secret
