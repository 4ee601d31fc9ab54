"""Deliveries, rotations, changes of the adapter, replays and deletions by clients, in any order and at the same time.

A step may happen during any call to DynamoDB that another step makes. Whatever happens, the objects are those of the
attempts that were committed, one after another, the counters are those of the delivery log, and each attempt that
created or updated an object has it in one batch.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import keys
from chalicelib.aws.dynamodb.attribute_values import decode
from tests.deliveries.counting import batches_of, check_counters, delivery_log
from tests.deliveries.unreliable import meanwhile
from tests.support.api import Api
from tests.support.batches import BatchWorld, new_batch_world
from tests.support.faults import Faults
from tests.support.racing import run_concurrently
from tests.support.webhooks import SECRET, anonymous, encoded, new_adapter_bucket
from tests.support.world import World

DELIVERIES = 5
FILMS = 2
# The title of an object tells which delivery and which version of the adapter it comes from. The last version ignores
# the events of even deliveries. The rating of the last delivery fits only one version.
VERSIONS = 3
# Batches stay drafts, so that nothing else changes the objects.
BATCHING: dict[str, dict[str, Any]] = {
    "immediate": {"mode": "immediate", "auto_submit": False},
    "count": {"mode": "count", "max_batch_size": 2, "auto_submit": False},
    "time_window": {"mode": "time_window", "window_seconds": 5, "auto_submit": False},
}
_numbers = count()


def payload(number: int) -> dict[str, Any]:
    rating: Any = "many" if number == DELIVERIES - 1 else number
    return {
        "type": f"film.{'odd' if number % 2 else 'even'}",
        "id": f"evt-{number}",
        "film": f"f{number % FILMS}",
        "titles": [f"{number} {version}" for version in range(VERSIONS)],
        "ratings": [rating, number, rating],
    }


def adapter(version: int, mode: str) -> dict[str, Any]:
    mapping = {"film": "film_id", f"titles.{version}": "title", f"ratings.{version}": "rating"}
    filtered = {"event_filter": {"event_types": ["film.odd"]}} if version == VERSIONS - 1 else {}
    return {"field_mapping": mapping, "batching": BATCHING[mode], **filtered}


def state_of(number: int, version: int) -> str:
    """The state of a delivery after an attempt with a version of the adapter."""
    if version == VERSIONS - 1 and number % 2 == 0:
        return "IGNORED"
    return "PARKED" if isinstance(payload(number)["ratings"][version], str) else "APPLIED"


@dataclass
class History:
    """A bucket whose adapter receives deliveries, and what its clients and senders know.

    `accepted` counts the responses to senders, and `versions` has those that an attempt of a delivery may have seen.
    """

    run: BatchWorld
    mode: str
    bucket: str = ""
    secrets: list[str] = field(default_factory=lambda: [SECRET])
    version: int = 0
    running: dict[object, set[int]] = field(default_factory=dict)
    versions: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    accepted: Counter[int] = field(default_factory=Counter)
    ids: dict[str, int] = field(default_factory=dict)
    signed_at: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = next(_numbers)
        self.bucket = new_adapter_bucket(
            self.api, name=f"history {number}", unique_key={"fields": ["film_id"]}, **adapter(0, self.mode)
        )
        self.path = f"/v1/buckets/{self.bucket}"

    @property
    def api(self) -> Api:
        return self.run.api

    def seen(self) -> set[int]:
        """The versions of the adapter that are valid while the current request runs."""
        own = {self.version}
        self.running[id(own)] = own
        return own

    def deliver(self, number: int, *, previous: bool = False) -> None:
        body = encoded(payload(number))
        secret, own = self.secrets[-2 if previous and len(self.secrets) > 1 else -1], self.seen()
        moment = self.signed_at.setdefault(number, int(self.run.world.clock.now.timestamp()))
        digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Mixpeek-Signature": f"t={moment},v1={digest}"}
        response = anonymous(self.run.world).post(f"/v1/webhooks/generic_webhook/{self.bucket}", body, headers=headers)
        del self.running[id(own)]
        # A secret that is replaced twice during the request is not valid any longer, and a signature ages.
        assert response.status in (200, 401), response.text
        if response.status == 200:
            self.accepted[number] += 1
            self.versions[number] |= own
            self.ids[response.json["delivery_id"]] = number

    def replay(self, number: int, *, parked: bool = False) -> None:
        wanted = [each for each, delivery in self.ids.items() if delivery == number]
        body: dict[str, Any] = {"state": "PARKED"} if parked or not wanted else {"delivery_ids": wanted}
        own = self.seen()
        response = self.api.post(f"{self.path}/source-adapter/replay", body)
        del self.running[id(own)]
        assert response.status == 200, response.text
        assert response.json["failed"] == []
        for result in response.json["results"]:
            # During its first request, the id of a delivery is not known yet.
            self.versions[number_of(self.api, self.bucket, result["delivery_id"])] |= own

    def change(self, version: int) -> None:
        body = {"source_adapter": {**ADAPTER, **adapter(version, self.mode)}}
        for own in list(self.running.values()):
            own.add(version)
        response = self.api.patch(self.path, body)
        assert response.status == 200, response.text
        self.version = version

    def rotate(self, number: int) -> None:
        secret = f"the-secret-number-{number}-{len(self.secrets)}"
        response = self.api.post(f"{self.path}/source-adapter/rotate-secret", {"webhook_secret": secret})
        assert response.status == 200, response.text
        self.secrets.append(secret)

    def delete(self, number: int) -> None:
        for stored in self.api.post(f"{self.path}/objects/list", {}).json["results"]:
            if stored["film_id"] == f"f{number % FILMS}":
                status = self.api.call("DELETE", f"{self.path}/objects/{stored['object_id']}").status
                assert status in (204, 404)

    def streams(self, number: int) -> None:
        self.run.streams()

    def batches(self, number: int) -> None:
        self.run.pump()


ADAPTER: dict[str, Any] = {"adapter_type": "generic_webhook", "webhook_secret": "redacted"}
Act = Callable[[History, int], object]
ACTS: dict[str, Act] = {
    "deliver": History.deliver,
    "deliver with the previous secret": lambda history, number: history.deliver(number, previous=True),
    "replay": History.replay,
    "replay parked": lambda history, number: history.replay(number, parked=True),
    "change": lambda history, number: history.change(number % VERSIONS),
    "rotate": History.rotate,
    "delete": History.delete,
    "streams": History.streams,
    "batches": History.batches,
}
CLIENT_ACTS = [name for name in ACTS if name not in ("streams", "batches")]
DELIVERING = ["deliver", "deliver", "replay", "replay parked", "deliver with the previous secret"]


def number_of(api: Api, bucket: str, delivery_id: str) -> int:
    found = api.get(f"/v1/buckets/{bucket}/source-adapter/deliveries/{delivery_id}").json
    return int(found["payload"]["id"].removeprefix("evt-"))


def records_of(run: BatchWorld, bucket: str) -> tuple[list[dict[str, Any]], dict[str, list[Any]]]:
    """The attempts to apply deliveries in the order in which they were committed, and the changes of each object.

    An attempt is the row of its delivery, and a change has the row before and after, None if there is none.
    """
    attempts: list[dict[str, Any]] = []
    for record in run.world.pump.catalog.history():
        old, new = images(record)
        place = keys.parse_deliveries_partition(str((new or old or {}).get("pk", "")))
        if place is None or place[1] != bucket or new is None or not keys.parse_delivery_key(new["sk"]):
            continue
        if old is None or old["attempt"] != new["attempt"]:
            attempts.append(new)
    changes: dict[str, list[Any]] = defaultdict(list)
    for record in run.world.pump.objects.history():
        old, new = images(record)
        row = new or old or {}
        if row.get("bucket_id") == bucket:
            changes[row["object_id"]].append((old, new))
    return attempts, changes


def completed(image: dict[str, Any]) -> dict[str, Any]:
    """The image with the values that are false, which the stream of DynamoDB Local leaves out."""
    return {
        name: {"M": completed(value["M"])} if "M" in value else value or {"BOOL": False}
        for name, value in image.items()
    }


def images(record: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    change = record["dynamodb"]
    old, new = (decode(completed(change[name])) if name in change else None for name in ("OldImage", "NewImage"))
    return old, new


def check(history: History) -> None:
    """Checks the end of a history."""
    run, api, bucket = history.run, history.api, history.bucket
    run.pump()
    attempts, changes = records_of(run, bucket)
    applied = [each for each in attempts if each.get("result") in ("created", "updated")]
    check_objects(history, applied, changes)
    log = delivery_log(api, bucket)
    assert Counter({number_of(api, bucket, each["delivery_id"]): 1 + each["repeats"] for each in log}) == (
        history.accepted
    )
    for each in log:
        number = number_of(api, bucket, each["delivery_id"])
        assert each["state"] in {state_of(number, version) for version in history.versions[number]}
    check_batches(history, [each["object_id"] for each in applied])
    check_counters(api, bucket)


def check_objects(history: History, applied: Sequence[dict[str, Any]], changes: Mapping[str, Any]) -> None:
    """Each committed attempt made one revision of its object, with the fields of its delivery."""
    made = {object_id: [each["result"] for each in applied if each["object_id"] == object_id] for object_id in changes}
    assert sum(map(len, made.values())) == len(applied)
    for object_id, own in changes.items():
        writes = ["created" if old is None else "updated" for old, new in own if new is not None]
        assert writes == made[object_id]
    numbers = [number_of(history.api, history.bucket, each["delivery_id"]) for each in applied]
    expected = {}
    for each, number in zip(applied, numbers, strict=True):
        expected[each["object_id"]] = number
    found = history.api.post(f"{history.path}/objects/list", {}).json["results"]
    alive = {object_id for object_id, own in changes.items() if own[-1][1] is not None}
    assert {stored["object_id"] for stored in found} == alive
    for stored in found:
        number, version = map(int, stored["title"].split())
        assert number == expected[stored["object_id"]]
        assert version in history.versions[number]
        assert (stored["rating"], stored["film_id"]) == (number, f"f{number % FILMS}")


def check_batches(history: History, joined: Sequence[str]) -> None:
    """Each attempt has its object in one batch, in the order of the attempts; a window that is not full stays open."""
    batches = sorted(batches_of(history.api, history.bucket), key=lambda batch: str(batch["batch_id"]))
    status = history.api.get(f"{history.path}/source-adapter/status").json
    found = Counter(tuple(batch["object_ids"]) for batch in batches)
    if history.mode == "time_window":
        assert {each for ids in found for each in ids} == set(joined)
        assert status["open_batch_id"] is None
        return
    size = 1 if history.mode == "immediate" else 2
    groups = [joined[start : start + size] for start in range(0, len(joined), size)]
    rest = groups.pop() if groups and len(groups[-1]) < size else ()
    assert found == Counter(tuple(dict.fromkeys(group)) for group in groups)
    assert status["open_batch_size"] == len(rest)


NUMBERS = st.integers(0, DELIVERIES - 1)
# A step, and another step that happens at a call to DynamoDB of the first one.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(list(ACTS)), NUMBERS, st.none()),
        st.tuples(st.sampled_from(DELIVERING), NUMBERS, st.none()),
        st.tuples(
            st.sampled_from(CLIENT_ACTS),
            NUMBERS,
            st.tuples(st.sampled_from([*CLIENT_ACTS, *DELIVERING]), NUMBERS, st.integers(1, 8)),
        ),
    ),
    min_size=3,
    max_size=12,
)


@pytest.fixture
def run(world: World) -> BatchWorld:
    return new_batch_world(world)


@settings(max_examples=max(15, settings().max_examples // 5))
@given(st.sampled_from(list(BATCHING)), STEPS)
def test_any_history_is_that_of_its_attempts_one_after_another(run: BatchWorld, mode: str, steps: Any) -> None:
    history = History(run, mode)
    for name, number, inner in steps:
        if inner is None:
            ACTS[name](history, number)
            continue
        other, argument, call = inner
        faults = Faults(run.world.client)
        faults.on(call, meanwhile(partial(ACTS[other], history, argument)))
        ACTS[name](history, number)
        faults.remove()
    check(history)


def test_eight_threads_deliver_replay_rotate_and_delete_at_the_same_time(run: BatchWorld) -> None:
    history = History(run, "count")
    for number in range(DELIVERIES):
        history.deliver(number)

    def worker(kind: int) -> list[int]:
        return list(_storm(history, kind))

    statuses = run_concurrently([lambda kind=kind: worker(kind) for kind in range(8)])  # type: ignore[misc]
    assert {status for found in statuses for status in found} <= {200, 404}
    history.versions = defaultdict(lambda: set(range(VERSIONS)))
    check(history)


def _storm(history: History, kind: int) -> Iterator[int]:
    """The requests of one thread. Deliveries of two threads are the same."""
    api = history.run.api
    for number in range(DELIVERIES):
        if kind < 4:
            history.deliver((number + kind // 2) % DELIVERIES)
            yield 200
        elif kind < 6:
            yield api.post(f"{history.path}/source-adapter/replay", {}).status
        elif kind == 6:
            history.change(number % VERSIONS)
            yield api.post(f"{history.path}/source-adapter/rotate-secret", {"webhook_secret": SECRET}).status
        else:
            history.delete(number)
            yield 200
