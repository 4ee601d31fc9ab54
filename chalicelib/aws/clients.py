"""The clients of DynamoDB, S3 and SQS, tuned: a call takes a third less CPU than with a default one, a long page half.

Without `user_agent` botocore builds that text anew for every call (a fifth of a write); validation of
parameters is a seventh; rows, keys and transactions that pass through as documents save a tenth of a small
call and almost half of a page of twenty; looking for the tables that a call names, to find where to send it,
is up to a tenth. Naming the endpoint explicitly saves nothing, so it is left to botocore, which knows every
partition and the AWS_ENDPOINT_URL variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from chalicelib.aws.queues import WorkQueue
    from chalicelib.settings import Settings

SERVICE = "dynamodb"
S3 = "s3"
SQS = "sqs"
CREDENTIAL_SERVICES = ("sts", "sso", "sso-oidc", "signin")
# All of it is plain JSON to us, with nothing in it that botocore would have to turn into something else.
AS_THEY_ARE = (
    "AttributeMap",
    "BatchGetRequestMap",
    "BatchGetResponseMap",
    "BatchWriteItemRequestMap",
    "ConsumedCapacity",
    "ConsumedCapacityMultiple",
    "ExpressionAttributeNameMap",
    "ExpressionAttributeValueMap",
    "ItemList",
    "Key",
    "PutItemInputAttributeMap",
    "TransactWriteItemList",
)
OF_ACCOUNTS = ("AccountId", "AccountIdEndpointMode", "ResourceArn", "ResourceArnList")
DEFAULT_REGION = "us-east-1"
# As many calls as the rows of a batch make side by side.
CONNECTIONS = 16

# A call that hangs must leave time for a retry before the gateway times out. `aws.retry` counts and delays the retries.
CONFIG = Config(
    user_agent="buckets-api",
    parameter_validation=False,
    account_id_endpoint_mode="disabled",
    connect_timeout=2,
    read_timeout=5,
    retries={"total_max_attempts": 1},
    max_pool_connections=CONNECTIONS,
)

# Together half a second, which is all that asking after the health of a dependency may take.
PROBE_CONFIG = CONFIG.merge(Config(connect_timeout=0.15, read_timeout=0.35))

# Signatures that say how long they hold, and none of the checksums that a presigned URL would ask its user to
# send.
S3_CONFIG = CONFIG.merge(
    Config(
        signature_version="s3v4",
        s3={"us_east_1_regional_endpoint": "regional"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
)


class ServiceLoader(Loader):
    """Loads the description of one service."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def list_available_services(self, type_name: str) -> list[str]:
        """Returns this service and those that provide credentials. Listing all services would read 900 directories."""
        return [self._service, *CREDENTIAL_SERVICES]

    def load_data_with_path(self, name: str) -> Any:
        """The data of this name. Of the endpoints of all services, 1.2 MB, only what they have in common is made."""
        if name != "endpoints":
            return super().load_data_with_path(name)
        found, path = super().load_data_with_path("partitions")
        return {"version": 3, "partitions": [_without_services(partition) for partition in found["partitions"]]}, path


class DynamoDBLoader(ServiceLoader):
    """Loads the description of DynamoDB, in which rows, and what is made of them, are documents.

    Of what may decide where a call goes, it leaves out what matters to endpoints of accounts alone, which are disabled.
    """

    def __init__(self) -> None:
        super().__init__(SERVICE)

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """The description, in which botocore lets `AS_THEY_ARE` through, as `attribute_values` writes and reads it."""
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == (SERVICE, "service-2"):
            for name in AS_THEY_ARE:
                model["shapes"][name] = {"type": "structure", "members": {}, "document": True}
        if type_name == "endpoint-rule-set-1":
            for name in OF_ACCOUNTS:
                model["parameters"].pop(name, None)
        return model


def _without_services(partition: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "partition": partition["id"],
        "dnsSuffix": partition["outputs"]["dnsSuffix"],
        "regionRegex": partition["regionRegex"],
        "regions": partition["regions"],
        "services": {},
        "defaults": {
            "hostname": "{service}.{region}.{dnsSuffix}",
            "protocols": ["https"],
            "signatureVersions": ["v4"],
        },
    }


def dynamodb_client(settings: Settings) -> DynamoDBClient:
    """A client for the region, the credentials and the endpoint that the standard AWS variables name."""
    return _client(SERVICE, DynamoDBLoader(), CONFIG)  # type: ignore[no-any-return]


def probe_client(settings: Settings) -> DynamoDBClient:
    """The same as `dynamodb_client`, but with short timeouts, for health checks."""
    return _client(SERVICE, DynamoDBLoader(), PROBE_CONFIG)  # type: ignore[no-any-return]


def s3_client(settings: Settings) -> S3Client:
    """A client for the region, the credentials and the endpoint that the standard AWS variables name."""
    client: S3Client = _client(S3, ServiceLoader(S3), S3_CONFIG)
    client.meta.events.register_first("before-endpoint-resolution.s3", _by_region)
    return client


def _by_region(context: dict[str, Any], **_: Any) -> None:
    """Uses the regional endpoint of a bucket.

    botocore signs URLs for the global endpoint, which for a day or so redirects those of a bucket made in
    another region, and the redirected request no longer fits its signature. Addressing all buckets by host
    would do too, but for engines elsewhere that know them by path alone.
    """
    context["use_global_endpoint"] = False


def sqs_client(settings: Settings) -> WorkQueue:
    """A client for the region, the credentials and the endpoint that the standard AWS variables name."""
    return _client(SQS, ServiceLoader(SQS), CONFIG)  # type: ignore[no-any-return]


def _client(service: str, loader: Loader, config: Config) -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", loader)
    region = os.environ.get("AWS_REGION") or session.get_config_variable("region") or DEFAULT_REGION
    return session.create_client(service, region_name=region, config=config)
