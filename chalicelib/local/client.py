"""DynamoDB and S3 clients for the embedded engine, which ignore the AWS settings of the machine."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from chalicelib.aws.clients import CONFIG, S3, S3_CONFIG, SERVICE, DynamoDBLoader, ServiceLoader
from chalicelib.local.credential import UNCHECKED, AwsCredential
from chalicelib.local.moto.rows import REGION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# Every session variable with its default only: no environment variable, configuration file or profile is read.
_SESSION_VARIABLES = {
    name: (None, None, default, convert) for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
} | {"config_file": (None, None, "/dev/null", None), "credentials_file": (None, None, "/dev/null", None)}

_ISOLATED_CONFIG = Config(  # type: ignore[call-arg]  # the stubs do not know the first
    ignore_configured_endpoint_urls=True,
    use_fips_endpoint=False,
    use_dualstack_endpoint=False,
    proxies={},
    # An endpoint that is loading a large folder, or is busy with other requests, responds slowly.
    read_timeout=60,
)


# A session may not create clients in several threads at a time.
_creating = threading.Lock()


def isolated_session() -> botocore.session.Session:
    """Returns a botocore session that reads no setting of the machine."""
    return botocore.session.Session(session_vars=_SESSION_VARIABLES)


@cache
def _session(service: str) -> botocore.session.Session:
    """Returns one session for all clients of a service. A new one takes longer than all else that a client needs."""
    session = isolated_session()
    session.register_component("data_loader", DynamoDBLoader() if service == SERVICE else ServiceLoader(service))
    return session


def local_client(
    endpoint: str = f"https://dynamodb.{REGION}.amazonaws.com", credential: AwsCredential = UNCHECKED
) -> DynamoDBClient:
    """Returns a DynamoDB client. An AWS endpoint checks the credential; the engine's own process does not."""
    return _client(SERVICE, endpoint, credential, CONFIG)  # type: ignore[no-any-return]


def local_s3_client(endpoint: str, credential: AwsCredential = UNCHECKED) -> S3Client:
    """Returns an S3 client of an AWS endpoint, which checks the credential, also in presigned URLs."""
    return _client(S3, endpoint, credential, S3_CONFIG)  # type: ignore[no-any-return]


def _client(service: str, endpoint: str, credential: AwsCredential, config: Config) -> Any:
    with _creating:
        return _session(service).create_client(
            service,
            region_name=REGION,
            endpoint_url=endpoint,
            aws_access_key_id=credential.access_key_id,
            aws_secret_access_key=credential.secret_access_key,
            config=config.merge(_ISOLATED_CONFIG),
        )
