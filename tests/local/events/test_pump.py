"""The records of the engine's streams are delivered to event handlers, as Lambda delivers them."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

import app
from chalicelib.local.engine import Engine
from chalicelib.local.events import wiring
from chalicelib.local.events.stream_source import MAX_PAUSE_SECONDS, MAX_RECORD_ATTEMPTS, StreamSource
from chalicelib.settings import Settings
from tests.local.conftest import CATALOG, Open, killed, new_row, put

OBJECTS = Settings().objects_table
SECONDS = 30.0


class Receiver:
    """An event handler that stores what it gets, and fails for the names that a test chooses."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.applied: list[str] = []
        self.reported: list[str] = []
        self.raises: Callable[[list[str]], bool] = lambda names: False
        self.reports: Callable[[str], bool] = lambda name: False
        self.arrived = threading.Event()

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        self.events.append(event)
        if self.raises([name_of(record) for record in event["Records"]]):
            raise LookupError("raised by the test")
        for record in event["Records"]:
            if self.reports(name_of(record)):
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
            self.applied.append(name_of(record))
        self.arrived.set()
        return {"batchItemFailures": [], "state": event["state"]}


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def name_of(record: dict[str, Any]) -> str:
    return str(next(iter(record["dynamodb"]["Keys"].values()))["S"])


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def new_source(
    engine: Engine, receiver: Receiver, time: Time | None = None, *, max_records: int = 1000
) -> StreamSource:
    """Returns a source of the catalog's stream that delivers to this receiver."""
    return StreamSource(
        engine.streams,
        CATALOG,
        receiver,
        max_records=max_records,
        report=receiver.reported.append,
        seconds=time or Time(),
    )


def deliver_all(source: StreamSource, time: Time | None = None, rounds: int = 200) -> None:
    """Calls the source until no record is waiting, and advances the clock by the delays that it asks for."""
    for _ in range(rounds):
        delay = source.deliver()
        if delay is None:
            return
        if delay and time is None:
            return
        if time is not None:
            time.now += delay
    raise AssertionError("the delivery does not end")


def delete(engine: Engine, name: str) -> None:
    engine.dynamodb().delete_item(TableName=CATALOG, Key=new_row(name))


def waiting(engine: Engine) -> list[str]:
    return [name_of(record) for record in engine.streams.waiting(CATALOG, 1000)]


@contextmanager
def rebuilt_engine(folder: Path) -> Iterator[Engine]:
    """Opens an engine whose statistics count as rebuilt, and closes it at the end."""
    engine = Engine(Settings(data_dir=str(folder)))
    engine.streams.mark_rebuilt()
    try:
        yield engine
    finally:
        engine.close()


def test_an_event_has_the_form_of_lambda(engine: Engine, receiver: Receiver) -> None:
    client = engine.dynamodb()
    old, new = new_row("a", bytes={"B": "AA=="}), new_row("a", list={"L": [{"M": {"n": {"N": "1"}}}]})
    client.put_item(TableName=CATALOG, Item=old)
    client.put_item(TableName=CATALOG, Item=new)
    delete(engine, "a")
    deliver_all(new_source(engine, receiver))
    (event,) = receiver.events
    assert [record["eventName"] for record in event["Records"]] == ["INSERT", "MODIFY", "REMOVE"]
    first, second, third = (record["dynamodb"] for record in event["Records"])
    assert first["Keys"] == {"pk": {"S": "a"}, "sk": {"S": "-"}}
    assert "OldImage" not in first
    assert first["NewImage"] == second["OldImage"] == {**old, "bytes": {"B": "AA=="}}
    assert second["NewImage"] == third["OldImage"] == new
    assert "NewImage" not in third
    assert isinstance(first["ApproximateCreationDateTime"], float)
    assert {record["eventSourceARN"] for record in event["Records"]} == {event["eventSourceARN"]}
    assert f"table/{CATALOG}/stream/" in event["eventSourceARN"]
    assert event["shardId"].startswith("local-")
    assert event["state"] == {}
    assert set(event["window"]) == {"start", "end"}
    assert event["isFinalInvokeForWindow"] is event["isWindowTerminatedEarly"] is False


def test_sequence_numbers_increase_after_deliveries(engine: Engine, receiver: Receiver) -> None:
    source = new_source(engine, receiver, max_records=2)
    for names in (["a"], ["b", "c", "d"], ["e"]):
        put(engine, *names)
        deliver_all(source)
    numbers = [int(each["dynamodb"]["SequenceNumber"]) for event in receiver.events for each in event["Records"]]
    assert numbers == sorted(set(numbers))
    assert receiver.applied == ["a", "b", "c", "d", "e"]
    assert waiting(engine) == []


def test_a_batch_has_at_most_the_maximum_number_of_records(engine: Engine, receiver: Receiver) -> None:
    put(engine, *"abcde")
    deliver_all(new_source(engine, receiver, max_records=2))
    assert [len(event["Records"]) for event in receiver.events] == [2, 2, 1]


def test_a_write_that_changes_nothing_is_not_delivered(engine: Engine, receiver: Receiver) -> None:
    put(engine, "a", "a")
    deliver_all(new_source(engine, receiver))
    put(engine, "a")
    deliver_all(new_source(engine, receiver))
    assert receiver.applied == ["a"]
    assert len(receiver.events) == 1
    assert waiting(engine) == []


def test_a_rejected_write_is_not_delivered(engine: Engine, receiver: Receiver) -> None:
    put(engine, "a")
    with pytest.raises(ClientError):
        engine.dynamodb().transact_write_items(
            TransactItems=[
                {"Put": {"TableName": CATALOG, "Item": new_row("b")}},
                {
                    "Put": {
                        "TableName": CATALOG,
                        "Item": new_row("a"),
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ]
        )
    deliver_all(new_source(engine, receiver))
    assert receiver.applied == ["a"]


def test_a_reported_record_and_those_after_it_are_delivered_again_after_a_pause(
    engine: Engine, receiver: Receiver
) -> None:
    time, is_failing = Time(), True
    receiver.reports = lambda name: is_failing and name == "c"
    source = new_source(engine, receiver, time)
    put(engine, *"abcd")
    delay = source.deliver()
    assert delay
    assert receiver.applied == ["a", "b"]
    assert source.deliver() == delay
    assert len(receiver.events) == 1
    is_failing = False
    time.now += delay
    deliver_all(source, time)
    assert receiver.applied == ["a", "b", "c", "d"]


def test_a_reported_record_is_never_skipped_and_pauses_stay_short(engine: Engine, receiver: Receiver) -> None:
    time = Time()
    receiver.reports = lambda name: True
    engine.streams.mark_rebuilt()
    source = new_source(engine, receiver, time)
    put(engine, "a")
    for _ in range(2000):
        delay = source.deliver()
        assert delay is not None
        assert 0 < delay <= MAX_PAUSE_SECONDS
        time.now += delay
    receiver.reports = lambda name: False
    deliver_all(source, time)
    assert receiver.applied == ["a"]
    assert engine.streams.complete


@pytest.mark.parametrize("identifier", ["", None, "7"])
def test_a_report_without_a_record_of_the_batch_fails_the_entire_batch(engine: Engine, identifier: str | None) -> None:
    time = Time()
    responses: Iterator[dict[str, Any]] = iter([{"batchItemFailures": [{"itemIdentifier": identifier}]}, {}])
    delivered: list[list[str]] = []

    def function(event: dict[str, Any]) -> dict[str, Any]:
        delivered.append([name_of(record) for record in event["Records"]])
        return next(responses)

    put(engine, "a", "b")
    deliver_all(StreamSource(engine.streams, CATALOG, function, max_records=10, report=print, seconds=time), time)
    assert delivered == [["a", "b"], ["a", "b"]]


def test_no_record_is_lost_when_a_function_raises_for_a_while(engine: Engine, receiver: Receiver) -> None:
    time, failures = Time(), iter([True] * MAX_RECORD_ATTEMPTS)
    receiver.raises = lambda names: next(failures, False)
    put(engine, *"abcd")
    deliver_all(new_source(engine, receiver, time), time)
    assert receiver.applied == ["a", "b", "c", "d"]


def test_only_the_record_that_always_fails_is_skipped(engine: Engine, receiver: Receiver) -> None:
    time = Time()
    receiver.raises = lambda names: "m" in names
    engine.streams.mark_rebuilt()
    put(engine, *"abcdefghijklmnopqrstuvwxyz")
    deliver_all(new_source(engine, receiver, time), time)
    assert receiver.applied == list("abcdefghijklnopqrstuvwxyz")
    assert len(receiver.reported) == 2
    assert all(CATALOG in line and "\n" not in line for line in receiver.reported)
    assert engine.streams.complete is False


@settings(max_examples=30)
@given(
    writes=st.lists(st.sampled_from("abcdefgh"), max_size=30),
    failing=st.sets(st.sampled_from("abcdefgh"), max_size=2),
    reported=st.sets(st.sampled_from("abcdefgh"), max_size=2),
    max_records=st.integers(1, 10),
)
def test_all_records_but_the_failing_ones_are_delivered_in_order(
    engine: Engine, writes: list[str], failing: set[str], reported: set[str], max_records: int
) -> None:
    receiver, time, seen = Receiver(), Time(), set[str]()

    def reports(name: str) -> bool:
        is_first = name in reported - seen
        seen.update({name} & reported)
        return is_first

    receiver.raises, receiver.reports = lambda names: bool(failing & set(names)), reports
    for number, name in enumerate(writes):
        engine.dynamodb().put_item(TableName=CATALOG, Item=new_row(name, number={"N": str(number)}))
    deliver_all(new_source(engine, receiver, time, max_records=max_records), time, rounds=5000)
    assert receiver.applied == [name for name in writes if name not in failing]
    for name in set(writes):
        delete(engine, name)
    engine.streams.mark_rebuilt()


def test_a_paused_source_does_not_delay_the_others(engine: Engine, receiver: Receiver) -> None:
    failing = Receiver()
    failing.raises = lambda names: True
    objects_source = StreamSource(engine.streams, OBJECTS, failing, max_records=10, report=failing.reported.append)
    engine.start_delivery(objects_source, new_source(engine, receiver))
    row: Any = {"bucket_id": {"S": "b"}, "object_id": {"S": "o"}}
    engine.dynamodb().put_item(TableName=OBJECTS, Item=row)
    put(engine, "a")
    assert receiver.arrived.wait(SECONDS)
    assert receiver.applied == ["a"]


def test_the_pump_delivers_every_write(engine: Engine, receiver: Receiver) -> None:
    engine.start_delivery(new_source(engine, receiver))
    for name in "abc":
        receiver.arrived.clear()
        put(engine, name)
        assert receiver.arrived.wait(SECONDS)
    assert receiver.applied == ["a", "b", "c"]


def test_the_pump_delivers_the_writes_of_event_handlers(engine: Engine) -> None:
    receiver = Receiver()

    def function(event: dict[str, Any]) -> dict[str, Any]:
        for record in event["Records"]:
            if len(name_of(record)) < 5:
                receiver.arrived.clear()
                put(engine, name_of(record) + "+")
        return receiver(event) if len(name_of(event["Records"][-1])) == 5 else {}

    engine.start_delivery(StreamSource(engine.streams, CATALOG, function, max_records=10, report=print))
    put(engine, "a")
    assert receiver.arrived.wait(SECONDS)
    assert receiver.applied == ["a++++"]


def test_closing_delivers_waiting_records_and_the_next_start_continues_the_shard(
    open_engine: Open, tmp_path: Path, receiver: Receiver
) -> None:
    with rebuilt_engine(tmp_path) as first:
        first.start_delivery(new_source(first, receiver))
        put(first, *"abc")
    assert receiver.applied == ["a", "b", "c"]

    second = open_engine(tmp_path)
    assert second.streams.complete
    assert waiting(second) == []
    put(second, "d")
    deliver_all(new_source(second, receiver))
    assert receiver.events[-1]["shardId"] == receiver.events[0]["shardId"]
    numbers = [int(each["dynamodb"]["SequenceNumber"]) for event in receiver.events for each in event["Records"]]
    assert numbers == sorted(set(numbers))
    assert receiver.applied == ["a", "b", "c", "d"]


def test_closing_does_not_wait_for_a_failing_function(open_engine: Open, tmp_path: Path, receiver: Receiver) -> None:
    receiver.reports = lambda name: True
    with rebuilt_engine(tmp_path) as first:
        first.start_delivery(new_source(first, receiver))
        put(first, "a")
    second = open_engine(tmp_path)
    assert not second.streams.complete
    assert waiting(second) == []


def test_a_start_after_a_kill_requires_a_rebuild_and_uses_another_shard(open_engine: Open, tmp_path: Path) -> None:
    with rebuilt_engine(tmp_path / "data") as first:
        put(first, "a")
        copy = killed(first, tmp_path / "killed")
    second = open_engine(copy)
    assert not second.streams.complete
    assert second.streams.shard != first.streams.shard
    assert waiting(second) == []


def test_a_start_after_a_kill_without_writes_requires_a_rebuild(open_engine: Open, tmp_path: Path) -> None:
    with rebuilt_engine(tmp_path / "data"):
        pass
    with closing(Engine(Settings(data_dir=str(tmp_path / "data")))) as second:
        assert second.streams.complete
        copy = killed(second, tmp_path / "killed")
    assert not open_engine(copy).streams.complete


@pytest.mark.parametrize("change", ["damaged journal", "shorter journal", "invalid positions"])
def test_saved_positions_are_ignored_for_other_data(open_engine: Open, tmp_path: Path, change: str) -> None:
    with rebuilt_engine(tmp_path / "data") as first:
        put(first, *"abc")
        deliver_all(new_source(first, Receiver()))
    journal, positions = tmp_path / "data" / "journal", tmp_path / "data" / "streams.json"
    if change == "damaged journal":
        journal.write_bytes(journal.read_bytes().replace(b"pk", b"kp", 1))
    elif change == "shorter journal":
        journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    else:
        positions.write_text('{"last": "x", "places": 7}')
    assert not open_engine(tmp_path / "data").streams.complete


def test_a_write_that_was_undone_is_not_delivered_but_those_before_it_are(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = new_source(engine, receiver)
    put(engine, "a")
    deliver_all(source)
    put(engine, "b", "c")

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(ClientError):
            put(engine, "d")
    put(engine, "e")
    deliver_all(source)
    numbers = [int(each["dynamodb"]["SequenceNumber"]) for event in receiver.events for each in event["Records"]]
    assert receiver.applied == ["a", "b", "c", "e"]
    assert numbers == sorted(set(numbers))


def test_batches_have_the_size_that_the_functions_declare() -> None:
    declared: dict[str, Any] = {source.name: vars(source).get("batch_size") for source in app.app.event_sources}
    assert declared["on_objects_change"] == declared["on_catalog_change"] == wiring.MAX_BATCH_RECORDS
