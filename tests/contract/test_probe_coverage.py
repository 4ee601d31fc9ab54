"""All operations, request models and query parameters of the official SDK have probes."""

from __future__ import annotations

from tests.contract.probe_table import PROBES, probe
from tests.contract.sdk_models import bodies, inside, methods, query_parameters

# Operations of the SDK that this service does not have. docs/reference/compatibility.md lists them.
UNSUPPORTED_OPERATIONS = {
    "aggregate_objects_buckets",
    "get_namespace_stats",
    "get_namespace_stats_batch",
    "ensure_namespace_indexes",
    "celery_beat_health",
    "cancel_job_buckets_batches_batch_id_tiers_num_ray",
    "cancel_tier_buckets_batches_batch_id_num",
    "delete_batch_documents_buckets_batches",
    "diagnose_batch_buckets_batches",
    "estimate_batch_cost_buckets_batches",
    "get_batch_logs_buckets_batches",
    "get_queue_status_batches",
    "heal_tier_buckets_batches_batch_id_num",
    "retry_tier_buckets_batches_batch_id_num",
}
# tests/contract/test_sdk_errors.py calls this operation, with and without its query parameters.
WITHOUT_PROBES = {"healthcheck_deep_health"}
# These fields are stored unchanged, so their parts have no probes.
STORED_UNCHANGED = {("PayloadIndexConfigInput", "field_schema")}


def parts_need_probes(model: str, field: str) -> bool:
    """Returns whether the parts of a field need probes. Parts of rejected fields and of unchanged ones do not."""
    found = probe(model, field)
    return found is None or not (found.outcome.startswith("rejected") or (model, field) in STORED_UNCHANGED)


def supported_operations() -> list[str]:
    return [name for name in methods() if name not in UNSUPPORTED_OPERATIONS]


def test_every_model_that_the_sdk_sends_has_probes() -> None:
    sent = {
        model.__name__
        for name in supported_operations()
        for body in bodies(methods()[name])
        for model in inside(body, parts_need_probes)
    }
    assert sorted(sent - set(PROBES)) == [], "the SDK sends these models, which have no probes"
    probed = {name for name in PROBES if not name.startswith("query of ")}
    assert sorted(probed - sent) == [], "the SDK no longer sends these models"


def test_every_query_string_that_the_sdk_sends_has_probes() -> None:
    sent = {
        f"query of {name}"
        for name in supported_operations()
        if query_parameters(methods()[name]) and name not in WITHOUT_PROBES
    }
    assert sent == {name for name in PROBES if name.startswith("query of ")}


def test_the_omitted_operations_are_still_in_the_sdk() -> None:
    assert sorted((UNSUPPORTED_OPERATIONS | WITHOUT_PROBES) - set(methods())) == []
