"""A forecast is true: if its adapter is then applied and the deliveries are replayed, the outcomes are the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.deliveries.test_replay import replay, tried
from tests.support.api import Api
from tests.support.webhooks import ADAPTER, SCHEMA, deliver
from tests.support.world import World

# What differs without a difference of content: times, and a number that only a read of one object returns.
CHANGING = {"created_at", "updated_at", "document_count"}
TEXTS = st.sampled_from(["Metropolis", "M", "", " ", "7", "\u00fc\u0000", "\ud800", "x" * 600])
NUMBERS = st.sampled_from([0, 7, -1, 2**63, 10**40, 1.0, 1.5, 1e300, True])
URLS = st.sampled_from(
    ["https://example.com/m.mp4", "HTTP://EXAMPLE.COM:8080/m", "ftp://example.com/m", "//m", "http:///"]
)
ANY = TEXTS | NUMBERS | URLS | st.none() | st.lists(TEXTS, max_size=2) | st.dictionaries(TEXTS, NUMBERS, max_size=1)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual values most of the time, and otherwise anything."""
    return st.one_of(usual, usual, usual, ANY)


DATA = st.fixed_dictionaries(
    {"title": mostly(TEXTS)},
    optional={
        "rating": mostly(st.integers(0, 5)),
        "film": mostly(st.sampled_from(["f1", "f2"])),
        "tags": mostly(st.lists(TEXTS, max_size=2)),
        "url": mostly(URLS),
    },
)
PAYLOADS = st.fixed_dictionaries(
    {"data": mostly(DATA)},
    optional={
        "type": mostly(st.sampled_from(["film.added", "film.changed"])),
        "id": mostly(st.sampled_from(["evt-1", "evt-2", "evt-3"])),
    },
)
BODIES = st.one_of(PAYLOADS, PAYLOADS, PAYLOADS, PAYLOADS, ANY, st.sampled_from([b"", b"<xml/>", b"\xff", b'{"data":']))
PATHS = {
    "title": ["data.title", "type", "data.tags.0", "jmespath:join('-', data.tags)", "jmespath:data.title || id"],
    "rating": ["data.rating", "data.tags.1", "jmespath:length(data.title)", "jmespath:to_number(data.title)", "id"],
    "film_id": ["data.film", "id", "data", "jmespath:data.film"],
}
MAPPINGS = st.fixed_dictionaries({}, optional={name: st.sampled_from(paths) for name, paths in PATHS.items()}).map(
    lambda chosen: {path: name for name, path in chosen.items()}
)
ADAPTERS = st.fixed_dictionaries(
    {"field_mapping": MAPPINGS},
    optional={
        "enabled": st.booleans(),
        "dedup_key": st.sampled_from(["id", "data.film", "data.title", "jmespath:data.[film, rating]"]),
        "event_filter": st.just({"event_types": ["film.added"]}),
        "blob_source": st.just({"file_field": "data.url", "target_property": "video"}),
        "batching": st.just({"mode": "immediate"}),
    },
)
UNIQUE_KEYS = st.sampled_from(
    [
        None,
        None,
        *({"fields": ["film_id"], "default_policy": policy} for policy in (None, "upsert", "insert", "update")),
    ]
)


def adapter(chosen: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**ADAPTER, **chosen, **more}


def without_times(value: Any) -> Any:
    """The value without what differs between two writes of the same content."""
    if isinstance(value, dict):
        return {
            name: without_times(each)
            for name, each in value.items()
            if name not in CHANGING and not (name == "blob_id" and "property" in value)
        }
    return [without_times(each) for each in value] if isinstance(value, list) else value


def outcome(found: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a forecast or of a replayed delivery."""
    shown = found["outcome"] if "outcome" in found else found["result"] or found["state"].lower()
    return {"outcome": shown, **{name: found[name] for name in ("delivery_id", "event_type", "reason", "object_id")}}


def object_of(api: Api, bucket: str, object_id: str | None) -> Any:
    if object_id is None:
        return None
    response = api.get(f"/v1/buckets/{bucket}/objects/{object_id}")
    return response.json if response.status == 200 else None


@settings(max_examples=max(25, settings().max_examples // 4))
@given(
    unique_key=UNIQUE_KEYS,
    before=ADAPTERS,
    proposed=ADAPTERS,
    bodies=st.lists(BODIES, min_size=1, max_size=5),
    deleted=st.sets(st.integers(0, 4), max_size=2),
)
def test_a_replay_does_what_the_forecast_says(
    world: World, unique_key: Any, before: Any, proposed: Any, bodies: list[Any], deleted: set[int]
) -> None:
    api = world.api()
    number = sum(
        1 for _ in world.services.buckets.store.rows.walk(next(iter(world.services.partitions())), descending=False)
    )
    created = api.post(
        "/v1/buckets",
        {
            "bucket_name": f"films {number}",
            "bucket_schema": SCHEMA,
            "source_adapter": adapter(before),
            "unique_key": unique_key,
        },
    )
    assert created.status == 200, created.text
    bucket = created.json["bucket_id"]
    for position, body in enumerate(bodies):
        world.clock.advance(1)
        response = deliver(world, bucket, body)
        assert response.status == 200, response.text
        if position in deleted and response.json["object_id"]:
            api.call("DELETE", f"/v1/buckets/{bucket}/objects/{response.json['object_id']}")
    forecasts = tried(api, bucket, source_adapter=adapter(proposed))
    assert forecasts["failed"] == []
    changed = api.patch(f"/v1/buckets/{bucket}", {"source_adapter": adapter(proposed, webhook_secret="redacted")})
    assert changed.status == 200, changed.text
    for forecast in forecasts["results"]:
        answer = replay(api, bucket, delivery_ids=[forecast["delivery_id"]])
        (done,) = answer["results"]
        assert outcome(done) == outcome(forecast)
        assert without_times(object_of(api, bucket, done["object_id"])) == without_times(forecast["object"])
