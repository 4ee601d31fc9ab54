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
