"""A KMS key of a test, and an application whose secrets are encrypted with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib import wiring
from chalicelib.aws.clients import kms_client
from chalicelib.settings import Settings
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.engine import backends_of
from tests.support.world import World

if TYPE_CHECKING:
    import pytest
    from mypy_boto3_dynamodb import DynamoDBClient

REFUSED: Any = {"Error": {"Code": "AccessDeniedException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}


@dataclass
class KeyCalls:
    """A KMS client that keeps the names of its calls, and fails while `fails` is true."""

    client: Any
    arn: str
    calls: list[str] = field(default_factory=list)
    fails: bool = False

    def encrypt(self, **parameters: Any) -> Any:
        return self._call("encrypt", parameters)

    def decrypt(self, **parameters: Any) -> Any:
        return self._call("decrypt", parameters)

    def _call(self, name: str, parameters: dict[str, Any]) -> Any:
        self.calls.append(name)
        if self.fails:
            raise ClientError(REFUSED, name)
        return getattr(self.client, name)(**parameters)

    @contextmanager
    def failing(self) -> Iterator[None]:
        """KMS refuses every call inside the block."""
        self.fails = True
        yield
        self.fails = False


def new_key(client: DynamoDBClient) -> KeyCalls:
    """Returns a new KMS key, in the backends of this client."""
    kms: Any = kms_client(Settings())
    backends_of(client).attach(kms)
    return KeyCalls(kms, kms.create_key()["KeyMetadata"]["Arn"])


def with_key(world: World, key: KeyCalls, monkeypatch: pytest.MonkeyPatch) -> BatchWorld:
    """Returns an application in a new process, over the tables of the world, with this key."""
    monkeypatch.setattr(wiring, "connect_kms", lambda settings: lambda: key)
    return new_batch_world(replace(world, settings=replace(world.settings, secrets_key=key.arn)))
