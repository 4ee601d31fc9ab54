from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from chalicelib import keys

ids = st.from_regex(r"[a-z]{3}_[0-9a-z]{1,16}", fullmatch=True)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)

NAMESPACE_ROWS: list[Callable[[str, str, str], keys.RowKey]] = [
    lambda partition, id_, name: keys.totals(partition),
    lambda partition, id_, name: keys.namespace_tally(partition),
    lambda partition, id_, name: keys.bucket(partition, id_),
    lambda partition, id_, name: keys.bucket_tally(partition, id_),
    lambda partition, id_, name: keys.bucket_name(partition, name),
]


def _batch_rows(batches: str, batch_id: str) -> list[keys.RowKey]:
    return [
        keys.batch_activity(batches),
        keys.batch(batches, batch_id),
        keys.batch_tally(batches, batch_id),
        keys.active_batch(batches, batch_id),
        keys.chunk_ids(batches, batch_id, 0),
        keys.chunk(batches, batch_id, 0),
        keys.item_failure(batches, batch_id, 0, 7),
    ]


def _delivery_rows(deliveries: str, id_: str) -> list[keys.RowKey]:
    return [
        keys.delivery(deliveries, id_),
        keys.delivery_body(deliveries, id_, 0),
        keys.joined_delivery(deliveries, id_),
        keys.adapter_state(deliveries),
        keys.window_ids(deliveries, id_, 0),
        keys.closed_window(deliveries, id_),
    ]


@given(ids, ids, ids, names)
def test_each_type_of_row_has_a_distinct_key_of_strings(org: str, ns: str, bucket: str, name: str) -> None:
    partition = keys.partition(org, ns)
    rows = [
        keys.organization(org),
        keys.api_key(org),
        keys.api_key_pointer(org, ns),
        keys.namespace(org, ns),
        keys.namespace_name(org, name),
        *(make(partition, bucket, name) for make in NAMESPACE_ROWS),
        keys.batch_pointer(org, bucket),
        *_batch_rows(keys.batches(partition, bucket), ns),
        *_delivery_rows(keys.deliveries(partition, bucket), ns),
        keys.webhook_endpoint(bucket),
        keys.upload(keys.uploads(partition, bucket), ns),
        keys.uploaded_content(keys.uploads(partition, bucket), ns),
        keys.upload_pointer(bucket),
    ]
    assert all(isinstance(part, str) for key in rows for part in key.values())
    assert len({(key["pk"], key["sk"]) for key in rows}) == len(rows)


@given(st.tuples(ids, ids), st.tuples(ids, ids))
def test_namespaces_of_different_organizations_never_share_a_partition(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (keys.partition(*one) == keys.partition(*other)) is (one == other)


@given(ids, ids, names)
def test_the_range_of_buckets_contains_only_buckets_and_their_tallies(bucket: str, partition: str, name: str) -> None:
    first, last = keys.buckets_range()
    inside = [first <= make(partition, bucket, name)["sk"] <= last for make in NAMESPACE_ROWS]
    assert inside == [False, False, True, True, False]


@given(ids, ids)
def test_the_tally_of_a_bucket_is_next_to_it_in_sort_order(bucket: str, other: str) -> None:
    tally = keys.bucket_tally("p", bucket)["sk"]
    assert keys.is_tally_of(tally, bucket)
    assert keys.is_tally_of(tally, other) is (bucket == other)
    assert keys.bucket("p", bucket)["sk"] < tally
    assert not keys.bucket("p", bucket)["sk"] < keys.bucket("p", other)["sk"] < tally


@given(st.lists(st.tuples(names, ids), unique=True))
def test_the_name_index_is_ordered_by_name_and_then_by_id(pairs: list[tuple[str, str]]) -> None:
    by_key = sorted(pairs, key=lambda pair: keys.name_key(*pair).encode())
    assert by_key == sorted(pairs, key=lambda pair: (pair[0].encode(), pair[1]))
    assert [keys.name_key(*pair).rpartition(keys.NAME_SEPARATOR)[2] for pair in pairs] == [id_ for _, id_ in pairs]


@given(ids, ids, names)
def test_the_api_keys_and_the_namespaces_of_an_organization_have_separate_ranges(org: str, ns: str, name: str) -> None:
    rows = [
        keys.organization(org),
        keys.api_key_pointer(org, ns),
        keys.namespace(org, ns),
        keys.namespace_name(org, name),
    ]

    def inside(bounds: tuple[str, str]) -> list[bool]:
        return [bounds[0] <= key["sk"] <= bounds[1] for key in rows]

    assert inside(keys.api_keys_range()) == [False, True, False, False]
    assert inside(keys.namespaces_range()) == [False, False, True, False]


@given(ids, ids, ids, ids, st.integers(0, 9999), st.integers(0, 99))
def test_keys_of_batches_tell_what_they_identify(
    org: str, ns: str, bucket: str, batch: str, chunk: int, position: int
) -> None:
    batches = keys.batches(keys.partition(org, ns), bucket)
    assert keys.parse_batches_partition(batches) == (keys.partition(org, ns), bucket)
    assert keys.parse_batch_key(keys.batch(batches, batch)["sk"]) == batch
    assert keys.parse_chunk_key(keys.chunk(batches, batch, chunk)["sk"]) == (batch, chunk)
    assert keys.parse_item_failure_key(keys.item_failure(batches, batch, chunk, position)["sk"]) == (chunk, position)
    assert keys.parse_batches_partition(keys.partition(org, ns)) is None
    for row in _batch_rows(batches, batch):
        assert (keys.parse_batch_key(row["sk"]) is None) == (row != keys.batch(batches, batch))
        assert (keys.parse_chunk_key(row["sk"]) is None) == (row["sk"].split("#")[0] != "RUN")


@given(ids, ids, ids)
def test_a_range_of_a_batch_contains_no_row_of_another_batch(bucket: str, batch: str, other: str) -> None:
    batches = keys.batches(keys.partition("org_1", "ns_1"), bucket)
    ranges = {
        keys.chunk_ids: keys.chunk_ids_range(batch),
        keys.chunk: keys.chunks_range(batch),
    }
    for make, (low, high) in ranges.items():
        assert low <= make(batches, batch, 9999)["sk"] < high
        assert (low <= make(batches, other, 0)["sk"] < high) == (other == batch)
    low, high = keys.item_failures_range(batch)
    assert low <= keys.item_failure(batches, batch, 9999, 99)["sk"] < high


def test_tallies_are_recognized_by_their_sort_keys() -> None:
    ns = keys.partition("org_1", "ns_1")
    batches = keys.batches(ns, "bkt_1")
    tallies = [keys.namespace_tally(ns), keys.bucket_tally(ns, "bkt_1"), keys.batch_tally(batches, "btch_1")]
    others = [keys.bucket(ns, "bkt_1"), keys.bucket_name(ns, "x#TALLY"), keys.chunk(batches, "btch_1", 0)]
    assert [keys.is_tally(key["sk"]) for key in (*tallies, *others)] == [True] * 3 + [False] * 3


@given(ids, ids, ids, ids)
def test_the_parts_of_keys_are_read_back(org: str, ns: str, bucket: str, delivery: str) -> None:
    partition = keys.partition(org, f"{ns}.with.dots")
    assert keys.parse_partition(partition) == (org, f"{ns}.with.dots")
    assert keys.parse_bucket_key(keys.bucket(partition, bucket)["sk"]) == bucket
    row = keys.delivery(keys.deliveries(partition, bucket), delivery)
    assert keys.parse_deliveries_partition(row["pk"]) == (partition, bucket)
    assert keys.parse_delivery_key(row["sk"]) == delivery


@given(ids, ids, ids)
def test_the_keys_of_other_rows_are_not_read_as_those_of_buckets_and_deliveries(org: str, ns: str, bucket: str) -> None:
    partition = keys.partition(org, ns)
    batch = keys.batch(keys.batches(partition, bucket), ns)
    assert keys.parse_partition(batch["pk"]) is None
    assert keys.parse_partition("NS#without-a-dot") is None
    assert keys.parse_bucket_key(keys.bucket_tally(partition, bucket)["sk"]) is None
    assert keys.parse_bucket_key(batch["sk"]) is None
    assert keys.parse_deliveries_partition(batch["pk"]) is None
    assert keys.parse_delivery_key(batch["sk"]) is None
