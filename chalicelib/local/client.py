"""The tuned clients of DynamoDB and S3, deaf to the AWS settings of whoever runs them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from chalicelib.aws.clients import CONFIG, S3, S3_CONFIG, SERVICE, DynamoDBLoader, ServiceLoader
from chalicelib.local.moto.rows import REGION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# Every variable of a session with its default alone: no environment, no configuration file, no profile.
_VARIABLES = {
    name: (None, None, default, convert) for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
} | {"config_file": (None, None, "/dev/null", None), "credentials_file": (None, None, "/dev/null", None)}

_DEAF = Config(  # type: ignore[call-arg]  # the stubs do not know the first
    ignore_configured_endpoint_urls=True,
    use_fips_endpoint=False,
    use_dualstack_endpoint=False,
    proxies={},
    # A door that loads a large folder, or that waits its turn, is slow and not dead.
    read_timeout=60,
)


@cache
def _loader() -> DynamoDBLoader:
    """One for all clients: what it has read, it keeps."""
    return DynamoDBLoader()


def isolated_session() -> botocore.session.Session:
    """A session that hears of no setting of the machine."""
    return botocore.session.Session(session_vars=_VARIABLES)


def local_client(endpoint: str = f"https://dynamodb.{REGION}.amazonaws.com") -> DynamoDBClient:
    """A client with no one's credentials."""
    session = isolated_session()
    session.register_component("data_loader", _loader())
    return session.create_client(  # type: ignore[return-value]
        SERVICE,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="embedded",
        aws_secret_access_key="embedded",  # noqa: S106 nothing checks it
        config=CONFIG.merge(_DEAF),
    )


def local_s3_client(endpoint: str) -> S3Client:
    """A client of a door with no one's credentials; what it signs is good for everybody on this machine."""
    session = isolated_session()
    session.register_component("data_loader", ServiceLoader(S3))
    return session.create_client(  # type: ignore[return-value]
        S3,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="embedded",
        aws_secret_access_key="embedded",  # noqa: S106 nothing checks it
        config=S3_CONFIG.merge(_DEAF),
    )
