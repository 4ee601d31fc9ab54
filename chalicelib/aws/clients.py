"""Creates the clients of AWS services, configured to use less CPU time than default clients.

A call of DynamoDB takes two fifths of the CPU time that it takes with a default client, and a query with a long page
less. Measured savings: `user_agent` saves a fifth of a write, because botocore otherwise builds the header for every
call. Disabling parameter validation saves a seventh. Passing rows and keys through unchanged saves a tenth of a small
call and almost half of a page of 20 rows. Disabling account-based endpoints saves up to a tenth. `aws.signing` saves a
fifth of what then remains, and `aws.endpoint` a fourteenth. botocore determines the endpoint, because it knows all
partitions and the AWS_ENDPOINT_URL variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from chalicelib.aws.endpoint import resolve_once
from chalicelib.aws.signing import use_signer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from chalicelib.aws.event_buses import EventsClient
    from chalicelib.aws.functions import FunctionClient
    from chalicelib.aws.queues import WorkQueue
    from chalicelib.aws.vault import KeyClient
    from chalicelib.settings import Settings

SERVICE = "dynamodb"
S3 = "s3"
SQS = "sqs"
LAMBDA = "lambda"
EVENTS = "events"
KMS = "kms"
CREDENTIAL_SERVICES = ("sts", "sso", "sso-oidc", "signin")
# The shapes of rows, keys and expressions in botocore's service model. Their values are plain JSON, which needs no
# conversion.
UNCONVERTED_SHAPES = (
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
ACCOUNT_PARAMETERS = ("AccountId", "AccountIdEndpointMode", "ResourceArn", "ResourceArnList")
DEFAULT_REGION = "us-east-1"
FIPS_HOST = "{service}-fips.{region}.{dnsSuffix}"
# The number of concurrent calls of a bulk create.
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

# The two timeouts add up to half a second, the time limit of a health check.
PROBE_CONFIG = CONFIG.merge(Config(connect_timeout=0.15, read_timeout=0.35))

# A webhook must be accepted within three seconds, and a call that hangs must leave time for a retry.
KMS_CONFIG = CONFIG.merge(Config(connect_timeout=0.5, read_timeout=1))

# Version 4 signatures let presigned URLs expire. Without these checksum settings, clients that use a presigned URL
# would have to send checksums.
S3_CONFIG = CONFIG.merge(
    Config(
        signature_version="s3v4",
        s3={"us_east_1_regional_endpoint": "regional"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
)


# S3 copies a file of 5 GB within one call, which may take minutes. The shortest time limit of a function that copies
# large files is that of `on_task`, five minutes, which also reads the file. Without TCP keep-alive, a network may drop
# a connection on which nothing is sent for minutes.
COPY_TIMEOUT_SECONDS = 180
COPY_CONFIG = S3_CONFIG.merge(Config(read_timeout=COPY_TIMEOUT_SECONDS, tcp_keepalive=True))


class ServiceLoader(Loader):
    """A botocore loader for the model of one service."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def list_available_services(self, type_name: str) -> list[str]:
        """Returns this service and those that provide credentials. Listing all services would read 900 directories."""
        return [self._service, *CREDENTIAL_SERVICES]

    def load_data_with_path(self, name: str) -> Any:
        """Returns the data file with this name. Replaces `endpoints` (1.2 MB, all services) by the partitions alone."""
        if name != "endpoints":
            return super().load_data_with_path(name)
        found, path = super().load_data_with_path("partitions")
        return {"version": 3, "partitions": [_without_services(partition) for partition in found["partitions"]]}, path


class DynamoDBLoader(ServiceLoader):
    """A botocore loader for the model of DynamoDB that passes rows and keys through unchanged.

    It removes the parameters of account-based endpoints, which are disabled, from the endpoint rules.
    """

    def __init__(self) -> None:
        super().__init__(SERVICE)

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Returns a model file, changed so that botocore does not convert the values of `UNCONVERTED_SHAPES`."""
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == (SERVICE, "service-2"):
            for name in model["shapes"].keys() & set(UNCONVERTED_SHAPES):  # an older botocore may not have all of them
                model["shapes"][name] = {"type": "structure", "members": {}, "document": True}
        if type_name == "endpoint-rule-set-1":
            for name in ACCOUNT_PARAMETERS:
                model["parameters"].pop(name, None)
        return model


def _without_services(partition: Mapping[str, Any]) -> dict[str, Any]:
    suffix, dual_stack = partition["outputs"]["dnsSuffix"], partition["outputs"]["dualStackDnsSuffix"]
    return {
        "partition": partition["id"],
        "dnsSuffix": suffix,
        "regionRegex": partition["regionRegex"],
        "regions": partition["regions"],
        "services": {},
        "defaults": {
            "hostname": "{service}.{region}.{dnsSuffix}",
            "protocols": ["https"],
            "signatureVersions": ["v4"],
            # For AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT. The rules of a service can name another host.
            "variants": [
                {"tags": ["fips"], "hostname": FIPS_HOST, "dnsSuffix": suffix},
                {"tags": ["dualstack"], "dnsSuffix": dual_stack},
                {"tags": ["dualstack", "fips"], "hostname": FIPS_HOST, "dnsSuffix": dual_stack},
            ],
        },
    }


def dynamodb_client(settings: Settings) -> DynamoDBClient:
    """Returns a client for the region, credentials and endpoint in the standard AWS environment variables."""
    return _dynamodb_client(CONFIG)


def probe_client(settings: Settings) -> DynamoDBClient:
    """The same as `dynamodb_client`, but with short timeouts, for health checks."""
    return _dynamodb_client(PROBE_CONFIG)


def _dynamodb_client(config: Config) -> DynamoDBClient:
    client: DynamoDBClient = _client(SERVICE, DynamoDBLoader(), config)
    use_signer(client)
    resolve_once(client)
    return client


def s3_client(settings: Settings) -> S3Client:
    """Returns a client for the region, credentials and endpoint in the standard AWS environment variables."""
    return _s3_client(S3_CONFIG)


def s3_copy_client(settings: Settings) -> S3Client:
    """The same as `s3_client`, but a call may take as long as the copy of a large file."""
    return _s3_client(COPY_CONFIG)


def _s3_client(config: Config) -> S3Client:
    # botocore writes the settings of the environment into this dictionary, which clients would share.
    own = config.merge(Config(s3={**config.s3}))  # type: ignore[attr-defined, arg-type]
    client: S3Client = _client(S3, ServiceLoader(S3), own)
    client.meta.events.register_first("before-endpoint-resolution.s3", _use_regional_endpoint)
    return client


def _use_regional_endpoint(context: dict[str, Any], **_: Any) -> None:
    """Uses the regional endpoint of a bucket.

    botocore signs URLs for the global endpoint. For about a day after the creation of a bucket in another region, that
    endpoint redirects requests, and the redirected request does not match its signature. Virtual-hosted addressing for
    all buckets would also help, but other S3 engines support only path-style addressing.
    """
    context["use_global_endpoint"] = False


def sqs_client(settings: Settings) -> WorkQueue:
    """Returns a client for the region, credentials and endpoint in the standard AWS environment variables."""
    return _client(SQS, ServiceLoader(SQS), CONFIG)  # type: ignore[no-any-return]


def events_client(settings: Settings) -> EventsClient:
    """Returns a client for the region, credentials and endpoint in the standard AWS environment variables."""
    return _client(EVENTS, ServiceLoader(EVENTS), CONFIG)  # type: ignore[no-any-return]


def lambda_client(settings: Settings, timeout_seconds: float) -> FunctionClient:
    """Returns a client for the region of the function in the settings. A call waits this long for the response."""
    # Without TCP keep-alive, a network may drop a connection on which nothing is sent for minutes.
    config = CONFIG.merge(Config(read_timeout=timeout_seconds, tcp_keepalive=True))
    region = settings.processor.split(":")[3] if settings.processor.startswith("arn:") else None
    return _client(LAMBDA, ServiceLoader(LAMBDA), config, region=region)  # type: ignore[no-any-return]


def kms_client(settings: Settings) -> KeyClient:
    """Returns a client for the region of the key in the settings."""
    region = settings.secrets_key.split(":")[3] if settings.secrets_key else None
    return _client(KMS, ServiceLoader(KMS), KMS_CONFIG, region=region)  # type: ignore[no-any-return]


def _client(service: str, loader: Loader, config: Config, *, region: str | None = None) -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", loader)
    region = region or os.environ.get("AWS_REGION") or session.get_config_variable("region") or DEFAULT_REGION
    return session.create_client(service, region_name=region, config=config)
