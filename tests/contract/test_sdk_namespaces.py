"""The official SDK creates, reads, lists and updates namespaces, and reads health."""

from __future__ import annotations

import pytest
from mixpeek._client.client import MixpeekAPIError
from mixpeek.models.base_feature_extractor_model_input import BaseFeatureExtractorModelInput
from mixpeek.models.create_namespace_request import CreateNamespaceRequest
from mixpeek.models.create_standalone_namespace_request_model import CreateStandaloneNamespaceRequestModel
from mixpeek.models.list_namespaces_request import ListNamespacesRequest
from mixpeek.models.namespace_model import NamespaceModel
from mixpeek.models.patch_namespace_request import PatchNamespaceRequest
from mixpeek.models.update_namespace_request import UpdateNamespaceRequest
from mixpeek.models.vector_config_spec_model import VectorConfigSpecModel

from tests.contract.conftest import Sdk

EXTRACTOR = {"feature_extractor_name": "text", "version": "v1"}


def test_the_high_level_client_creates_namespaces_in_all_forms(sdk: Sdk) -> None:
    namespaces = sdk.client.namespaces
    named = namespaces.create(name="by-name")
    extracting = namespaces.create(name="extracting", feature_extractors=[EXTRACTOR])
    standalone = namespaces.create(namespace_id="by-id-only")
    vectors = namespaces.create(name="vectors", vector_configs=[{"name": "text", "dimension": 3}])
    assert (named.namespace_name, named.mode) == ("by-name", "managed")
    assert extracting.feature_extractors[0].feature_extractor_id == "text_v1"
    assert (standalone.namespace_id, standalone.namespace_name) == ("by-id-only", "by-id-only")
    assert (vectors.mode, vectors.vector_configs[0].dimension) == ("standalone", 3)
    for made in (named, extracting, standalone, vectors):
        assert NamespaceModel.from_dict(dict(made)) is not None
        assert namespaces.get(made.namespace_id) == made
    assert namespaces.list().total_count == 5


def test_the_generated_client_creates_changes_and_lists(sdk: Sdk) -> None:
    made = sdk.namespaces.create_namespace(
        CreateNamespaceRequest(
            namespace_name="press",
            description="Pressbooks",
            feature_extractors=[BaseFeatureExtractorModelInput(feature_extractor_name="text", version="v1")],
            ttl_seconds=3600,
        )
    )
    assert made.namespace_ready
    assert made.expires_at > made.created_at
    patched = sdk.namespaces.patch_namespace("press", PatchNamespaceRequest(description="Press"))
    assert (patched.description, patched.namespace_id) == ("Press", made.namespace_id)
    renamed = sdk.namespaces.update_namespace(made.namespace_id, UpdateNamespaceRequest(namespace_name="papers"))
    assert sdk.namespaces.get_namespace("papers") == renamed
    found = sdk.namespaces.list_namespaces(list_namespaces_request=ListNamespacesRequest(search="pap*"))
    assert [row.namespace_name for row in found.results] == ["papers"]
    assert found.stats.total_buckets == 0
    assert sdk.namespaces.list_namespaces_get(limit=1).total_count == 2


def test_the_generated_client_creates_a_standalone_namespace(sdk: Sdk) -> None:
    made = sdk.standalone.create_standalone_namespace(
        CreateStandaloneNamespaceRequestModel(
            namespace_id="own-vectors", vector_configs=[VectorConfigSpecModel(name="text", dimension=3)]
        )
    )
    assert (made.namespace_id, made.mode) == ("own-vectors", "standalone")
    assert made.vector_configs == [{"name": "text", "dimension": 3, "metric": "cosine"}]


def test_a_taken_name_is_a_conflict_with_its_code(sdk: Sdk) -> None:
    with pytest.raises(MixpeekAPIError) as error:
        sdk.client.namespaces.create(name="films")
    assert error.value.status == 409
    assert error.value.detail["error"]["code"] == "namespace_name_taken"


def test_health_works_with_and_without_a_key(sdk: Sdk) -> None:
    deep = sdk.health.healthcheck_deep_health()
    assert (deep.status, deep.data.metadata) == ("OK", True)
    assert sdk.health.healthcheck_health() == {"status": "OK"}
    assert sdk.health.liveness_health() == {"status": "ok"}
