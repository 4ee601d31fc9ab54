"""All operations, request models and query parameters of the official SDK have probes."""

from __future__ import annotations

from tests.contract.probe_table import PROBES, probe
from tests.contract.sdk_models import bodies, inside, methods, query_parameters

# Operations of the SDK that this service does not have. docs/reference/compatibility.md lists them.
NOT_HERE = {
    "aggregate_objects_buckets",
    "get_namespace_stats",
    "get_namespace_stats_batch",
    "ensure_namespace_indexes",
    "celery_beat_health",
}
# Health asks the same in the light and in the deep operation; tests/contract/test_sdk_refusals.py reads both.
NO_PROBES = {"healthcheck_deep_health"}
# These fields are stored unchanged, so their parts have no probes.
KEPT_AS_GIVEN = {("PayloadIndexConfigInput", "field_schema")}


def is_looked_into(model: str, field: str) -> bool:
    """Returns whether the parts of a field need probes: not if the field is rejected or stored unchanged."""
    found = probe(model, field)
    return found is None or not (found.outcome.startswith("rejected") or (model, field) in KEPT_AS_GIVEN)


def served() -> list[str]:
    return [name for name in methods() if name not in NOT_HERE]


def test_every_model_that_the_sdk_sends_has_probes() -> None:
    sent = {
        model.__name__
        for name in served()
        for body in bodies(methods()[name])
        for model in inside(body, is_looked_into)
    }
    assert sorted(sent - set(PROBES)) == [], "the SDK sends these models, and no probe is of them"
    probed = {name for name in PROBES if not name.startswith("query of ")}
    assert sorted(probed - sent) == [], "the SDK does not send these models any more"


def test_every_query_string_that_the_sdk_sends_has_probes() -> None:
    sent = {f"query of {name}" for name in served() if query_parameters(methods()[name]) and name not in NO_PROBES}
    assert sent == {name for name in PROBES if name.startswith("query of ")}


def test_the_omitted_operations_are_still_in_the_sdk() -> None:
    assert sorted((NOT_HERE | NO_PROBES) - set(methods())) == []
