from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from chalicelib import keys

ids = st.from_regex(r"[a-z]{3}_[0-9a-z]{1,16}", fullmatch=True)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)

OF_A_NAMESPACE: list[Callable[[str, str, str], keys.RowKey]] = [
    lambda place, id_, name: keys.totals(place),
    lambda place, id_, name: keys.namespace_tally(place),
    lambda place, id_, name: keys.bucket(place, id_),
    lambda place, id_, name: keys.bucket_tally(place, id_),
    lambda place, id_, name: keys.bucket_name(place, name),
]


@given(ids, ids, ids, names)
def test_every_kind_of_row_has_a_key_of_its_own_made_of_strings(org: str, ns: str, bucket: str, name: str) -> None:
    place = keys.partition(org, ns)
    made = [
        keys.organization(org),
        keys.api_key(org),
        keys.api_key_pointer(org, ns),
        keys.namespace(org, ns),
        keys.namespace_name(org, name),
        *(make(place, bucket, name) for make in OF_A_NAMESPACE),
    ]
    assert all(isinstance(part, str) for key in made for part in key.values())
    assert len({(key["pk"], key["sk"]) for key in made}) == len(made)


@given(st.tuples(ids, ids), st.tuples(ids, ids))
def test_namespaces_of_different_organizations_never_share_a_partition(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (keys.partition(*one) == keys.partition(*other)) is (one == other)


@given(ids, ids, names)
def test_the_range_of_buckets_holds_buckets_and_tallies_and_nothing_else(bucket: str, place: str, name: str) -> None:
    first, last = keys.buckets_range()
    inside = [first <= make(place, bucket, name)["sk"] <= last for make in OF_A_NAMESPACE]
    assert inside == [False, False, True, True, False]


@given(ids, ids)
def test_a_tally_sorts_right_behind_its_bucket(bucket: str, other: str) -> None:
    tally = keys.bucket_tally("p", bucket)["sk"]
    assert keys.is_tally_of(tally, bucket)
    assert keys.is_tally_of(tally, other) is (bucket == other)
    assert keys.bucket("p", bucket)["sk"] < tally
    assert not keys.bucket("p", bucket)["sk"] < keys.bucket("p", other)["sk"] < tally


@given(st.lists(st.tuples(names, ids), unique=True))
def test_the_name_index_orders_by_name_and_then_by_id(pairs: list[tuple[str, str]]) -> None:
    by_key = sorted(pairs, key=lambda pair: keys.name_key(*pair).encode())
    assert by_key == sorted(pairs, key=lambda pair: (pair[0].encode(), pair[1]))
    assert [keys.name_key(*pair).rpartition(keys.NAME_SEPARATOR)[2] for pair in pairs] == [id_ for _, id_ in pairs]


@given(ids, ids, names)
def test_an_organization_s_keys_and_namespaces_have_ranges_of_their_own(org: str, ns: str, name: str) -> None:
    made = [
        keys.organization(org),
        keys.api_key_pointer(org, ns),
        keys.namespace(org, ns),
        keys.namespace_name(org, name),
    ]

    def inside(bounds: tuple[str, str]) -> list[bool]:
        return [bounds[0] <= key["sk"] <= bounds[1] for key in made]

    assert inside(keys.api_keys_range()) == [False, True, False, False]
    assert inside(keys.namespaces_range()) == [False, False, True, False]
