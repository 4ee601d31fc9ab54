"""Authentication by API key, and the cache of keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access.errors import KeyRefused
from chalicelib.access.models import Organization
from chalicelib.access.service import Access
from chalicelib.aws.usage import track_usage
from chalicelib.core.cache import Cache
from chalicelib.core.errors import Unavailable
from chalicelib.core.ids import Ids
from chalicelib.http.envelope import error_body, error_headers
from tests.access.conftest import NewProcess, StillClock


def is_rejected(access: Access, header: str | None) -> bool:
    try:
        access.authenticate(header)
    except KeyRefused:
        return True
    return False


def test_all_invalid_keys_get_the_same_error(access: Access, studio: Organization, clock: StillClock) -> None:
    created = {
        state: access.create_key(studio.organization_id, name=state, expires_at=clock.now + timedelta(seconds=1))
        for state in ("revoked", "expired")
    }
    access.revoke_key(studio.organization_id, created["revoked"].key.key_id)
    clock.advance(1)
    responses = []
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic c2tfOng=",
        "Bearer nonsense",
        "Bearer sk_",
        "Bearer sk_unknown_but_well_formed",
        f"Bearer {created['revoked'].secret}",
        f"Bearer {created['expired'].secret}",
        f"Bearer {created['expired'].secret}x",
        created["expired"].secret,
    ):
        with pytest.raises(KeyRefused) as raised:
            access.authenticate(header)
        responses.append((error_body(raised.value), error_headers(raised.value)))
    assert all(response == responses[0] for response in responses)
    assert (responses[0][0]["status"], responses[0][0]["error"]["type"]) == (401, "UnauthorizedError")
    assert responses[0][1] == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_scheme_of_the_header_is_case_insensitive(access: Access, studio: Organization, scheme: str) -> None:
    made = access.create_key(studio.organization_id, name="k")
    assert access.authenticate(scheme + made.secret).key_id == made.key.key_id


class NoStore:
    """Fails if a key is read. A malformed header is rejected without a read."""

    def find_key(self, digest: str) -> None:
        raise AssertionError(digest)


@given(st.none() | st.text() | st.text().map("Bearer ".__add__))
def test_any_invalid_header_is_rejected(header: str | None) -> None:
    clock = StillClock()

    class EmptyStore(NoStore):
        def find_key(self, digest: str) -> None:
            return None

    access = Access(EmptyStore(), Ids(clock), clock, Cache(clock.seconds))  # type: ignore[arg-type]
    assert is_rejected(access, header)


@pytest.mark.parametrize("header", [None, "", "Bearer x", "Bearer sk_ä", "Bearer sk_" + "a" * 10_000])
def test_a_malformed_header_is_rejected_without_a_read(header: str | None) -> None:
    clock = StillClock()
    access = Access(NoStore(), Ids(clock), clock, Cache(clock.seconds))  # type: ignore[arg-type]
    assert is_rejected(access, header)


def test_a_cached_key_expires_on_time_to_the_millisecond(
    access: Access, studio: Organization, clock: StillClock
) -> None:
    end = clock.now + timedelta(seconds=30)
    made = access.create_key(studio.organization_id, name="k", expires_at=end)
    clock.now = end - timedelta(milliseconds=1)
    assert not is_rejected(access, f"Bearer {made.secret}")
    clock.now = end
    assert is_rejected(access, f"Bearer {made.secret}")


def test_a_revocation_by_another_process_takes_effect_within_a_minute(
    access: Access, studio: Organization, clock: StillClock, new_process: NewProcess
) -> None:
    made = access.create_key(studio.organization_id, name="k")
    other_process = new_process()
    assert not is_rejected(other_process, f"Bearer {made.secret}")
    access.revoke_key(studio.organization_id, made.key.key_id)
    clock.advance(59.999)
    assert not is_rejected(other_process, f"Bearer {made.secret}"), "the key is still cached"
    clock.advance(0.001)
    assert is_rejected(other_process, f"Bearer {made.secret}")


def test_a_rotation_by_another_process_takes_effect_within_a_minute_and_the_new_secret_at_once(
    access: Access, studio: Organization, clock: StillClock, new_process: NewProcess
) -> None:
    old = access.create_key(studio.organization_id, name="k")
    other_process = new_process()
    assert not is_rejected(other_process, f"Bearer {old.secret}")
    new = access.rotate_key(studio.organization_id, old.key.key_id)
    assert not is_rejected(other_process, f"Bearer {new.secret}")
    clock.advance(60)
    assert is_rejected(other_process, f"Bearer {old.secret}")


def test_use_of_a_key_does_not_extend_its_time_in_the_cache(
    access: Access, studio: Organization, clock: StillClock, new_process: NewProcess
) -> None:
    made = access.create_key(studio.organization_id, name="k")
    other_process = new_process()
    assert not is_rejected(other_process, f"Bearer {made.secret}")
    access.revoke_key(studio.organization_id, made.key.key_id)
    for _ in range(2):
        clock.advance(29)
        assert not is_rejected(other_process, f"Bearer {made.secret}")
    clock.advance(2)
    assert is_rejected(other_process, f"Bearer {made.secret}")


def test_a_revocation_in_the_same_process_takes_effect_at_once(access: Access, studio: Organization) -> None:
    made = access.create_key(studio.organization_id, name="k")
    assert not is_rejected(access, f"Bearer {made.secret}")
    access.revoke_key(studio.organization_id, made.key.key_id)
    assert is_rejected(access, f"Bearer {made.secret}")


def test_a_key_created_after_its_secret_was_rejected_works_at_once(access: Access, studio: Organization) -> None:
    assert is_rejected(access, "Bearer sk_not_yet_but_soon")
    access.create_key(studio.organization_id, name="k", secret="sk_not_yet_but_soon")
    assert not is_rejected(access, "Bearer sk_not_yet_but_soon")


def test_a_cached_key_needs_no_round_trip_and_another_one_needs_one(
    studio: Organization, access: Access, new_process: NewProcess
) -> None:
    made = access.create_key(studio.organization_id, name="k")
    other_process = new_process()
    with track_usage() as first:
        other_process.authenticate(f"Bearer {made.secret}")
    with track_usage() as second:
        other_process.authenticate(f"Bearer {made.secret}")
    assert (first.round_trips, second.round_trips) == (1, 0)


def test_an_unavailable_table_is_not_reported_as_an_invalid_key() -> None:
    clock = StillClock()

    class BusyStore:
        def find_key(self, digest: str) -> None:
            raise Unavailable()

    access = Access(BusyStore(), Ids(clock), clock, Cache(clock.seconds))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        access.authenticate("Bearer sk_whatever_it_may_be")
