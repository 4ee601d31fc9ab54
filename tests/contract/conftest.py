from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.sdk_import import mixpeek  # isort: split

from mixpeek import Mixpeek
from mixpeek.api.bucket_objects_api import BucketObjectsApi
from mixpeek.api.buckets_api import BucketsApi
from mixpeek.api.byo_documents_api import BYODocumentsApi
from mixpeek.api.health_api import HealthApi
from mixpeek.api.namespaces_api import NamespacesApi

from tests.support.server import serving
from tests.support.world import World


@dataclass(frozen=True)
class Sdk:
    """The high-level client and the generated classes of the official SDK, unmodified."""

    address: str
    client: Any
    # Any, because the generated annotations allow None for all fields of responses.
    buckets: Any
    objects: Any
    namespaces: Any
    standalone: Any
    health: Any


def new_sdk(address: str, key: str, namespace: str) -> Sdk:
    configuration = mixpeek.Configuration(host=address, access_token=key, api_key={"NamespaceHeader": namespace})
    generated = mixpeek.ApiClient(configuration)
    return Sdk(
        address,
        Mixpeek(api_key=key, namespace=namespace, base_url=f"{address}/v1"),
        BucketsApi(generated),
        BucketObjectsApi(generated),
        NamespacesApi(generated),
        BYODocumentsApi(generated),
        HealthApi(generated),
    )


@pytest.fixture
def sdk(world: World) -> Iterator[Sdk]:
    with serving(world) as address:
        yield new_sdk(address, world.key, "films")
