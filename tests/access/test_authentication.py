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


def is_refused(access: Access, header: str | None) -> bool:
    try:
        access.authenticate(header)
    except KeyRefused:
        return True
    return False


def test_every_key_that_opens_nothing_is_answered_alike(
    access: Access, studio: Organization, clock: StillClock
) -> None:
    made = {
        state: access.create_key(studio.organization_id, name=state, expires_at=clock.now + timedelta(seconds=1))
        for state in ("revoked", "expired")
    }
    access.revoke_key(studio.organization_id, made["revoked"].key.key_id)
    clock.advance(1)
    answers = []
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic c2tfOng=",
        "Bearer nonsense",
        "Bearer sk_",
        "Bearer sk_unknown_but_well_formed",
        f"Bearer {made['revoked'].secret}",
        f"Bearer {made['expired'].secret}",
        f"Bearer {made['expired'].secret}x",
        made["expired"].secret,
    ):
        with pytest.raises(KeyRefused) as refusal:
            access.authenticate(header)
        answers.append((error_body(refusal.value), error_headers(refusal.value)))
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0][0]["status"], answers[0][0]["error"]["type"]) == (401, "UnauthorizedError")
    assert answers[0][1] == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_scheme_is_read_as_http_reads_it(access: Access, studio: Organization, scheme: str) -> None:
    made = access.create_key(studio.organization_id, name="k")
    assert access.authenticate(scheme + made.secret).key_id == made.key.key_id


class NoStore:
    """Refuses to be asked for a key: what is malformed is not worth a read."""

    def find_key(self, digest: str) -> None:
        raise AssertionError(digest)


@given(st.none() | st.text() | st.text().map("Bearer ".__add__))
def test_no_header_whatever_does_more_harm_than_being_refused(header: str | None) -> None:
    clock = StillClock()

    class Nothing(NoStore):
        def find_key(self, digest: str) -> None:
            return None

    access = Access(Nothing(), Ids(clock), clock, Cache(clock.seconds))  # type: ignore[arg-type]
    assert is_refused(access, header)


@pytest.mark.parametrize("header", [None, "", "Bearer x", "Bearer sk_ä", "Bearer sk_" + "a" * 10_000])
def test_a_malformed_header_costs_no_read(header: str | None) -> None:
    clock = StillClock()
    access = Access(NoStore(), Ids(clock), clock, Cache(clock.seconds))  # type: ignore[arg-type]
    assert is_refused(access, header)


def test_a_key_expires_at_the_very_millisecond_even_where_it_is_remembered(
    access: Access, studio: Organization, clock: StillClock
) -> None:
    end = clock.now + timedelta(seconds=30)
    made = access.create_key(studio.organization_id, name="k", expires_at=end)
    clock.now = end - timedelta(milliseconds=1)
    assert not is_refused(access, f"Bearer {made.secret}")
    clock.now = end
    assert is_refused(access, f"Bearer {made.secret}")


def test_a_revocation_elsewhere_takes_effect_within_a_minute(
    access: Access, studio: Organization, clock: StillClock, new_process: NewProcess
) -> None:
    made = access.create_key(studio.organization_id, name="k")
    here = new_process()
    assert not is_refused(here, f"Bearer {made.secret}")
    access.revoke_key(studio.organization_id, made.key.key_id)
    clock.advance(59.999)
    assert not is_refused(here, f"Bearer {made.secret}"), "remembered, to save a read per request"
    clock.advance(0.001)
    assert is_refused(here, f"Bearer {made.secret}")


def test_a_rotation_elsewhere_takes_effect_within_a_minute_and_the_new_secret_at_once(
    access: Access, studio: Organization, clock: StillClock, new_process: NewProcess
) -> None:
    old = access.create_key(studio.organization_id, name="k")
    here = new_process()
    assert not is_refused(here, f"Bearer {old.secret}")
    new = access.rotate_key(studio.organization_id, old.key.key_id)
    assert not is_refused(here, f"Bearer {new.secret}")
    clock.advance(60)
    assert is_refused(here, f"Bearer {old.secret}")


def test_being_used_does_not_keep_a_key_in_memory_for_longer(
    access: Access, studio: Organization, clock: StillClock, new_process: NewProcess
) -> None:
    made = access.create_key(studio.organization_id, name="k")
    here = new_process()
    assert not is_refused(here, f"Bearer {made.secret}")
    access.revoke_key(studio.organization_id, made.key.key_id)
    for _ in range(2):
        clock.advance(29)
        assert not is_refused(here, f"Bearer {made.secret}")
    clock.advance(2)
    assert is_refused(here, f"Bearer {made.secret}")


def test_a_revocation_in_the_same_process_takes_effect_at_once(access: Access, studio: Organization) -> None:
    made = access.create_key(studio.organization_id, name="k")
    assert not is_refused(access, f"Bearer {made.secret}")
    access.revoke_key(studio.organization_id, made.key.key_id)
    assert is_refused(access, f"Bearer {made.secret}")


def test_a_key_made_after_its_secret_was_tried_works_at_once(access: Access, studio: Organization) -> None:
    assert is_refused(access, "Bearer sk_not_yet_but_soon")
    access.create_key(studio.organization_id, name="k", secret="sk_not_yet_but_soon")
    assert not is_refused(access, "Bearer sk_not_yet_but_soon")


def test_a_remembered_key_costs_no_round_trip_and_a_new_one_costs_one(
    studio: Organization, access: Access, new_process: NewProcess
) -> None:
    made = access.create_key(studio.organization_id, name="k")
    here = new_process()
    with track_usage() as first:
        here.authenticate(f"Bearer {made.secret}")
    with track_usage() as second:
        here.authenticate(f"Bearer {made.secret}")
    assert (first.round_trips, second.round_trips) == (1, 0)


def test_trouble_with_the_storage_is_not_taken_for_a_bad_key() -> None:
    clock = StillClock()

    class BusyStore:
        def find_key(self, digest: str) -> None:
            raise Unavailable()

    access = Access(BusyStore(), Ids(clock), clock, Cache(clock.seconds))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        access.authenticate("Bearer sk_whatever_it_may_be")
