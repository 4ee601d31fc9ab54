"""Single cases of the fold. test_histories.py tests it with random deliveries."""

from __future__ import annotations

import json

from chalicelib.aws.dynamodb.attribute_values import decode, encode
from chalicelib.stats.checkpoints import Checkpoint
from chalicelib.stats.fold import fold_changes
from chalicelib.stats.stream_records import Change, Contribution
from chalicelib.stats.tally_row import EMPTY_ROW, Extreme, TallyRow, from_item, to_item
from chalicelib.stats.totals import Totals

NOW = "2026-01-03T00:00:00.000Z"
TWO_DAYS_AGO = "2026-01-01T00:00:00.000Z"


def contribution(size: int, *, epoch: int = 0, failed: int = 0) -> Contribution:
    return Contribution(epoch, Totals(1, size, failed), NOW, size)


def change(
    member: str, before: Contribution | None, after: Contribution | None, sequence: int, shard: str = "s"
) -> Change:
    return Change("NS#o.n", "bkt_1", member, before, after, shard, str(sequence).zfill(40))


def after(row: TallyRow, *changes: Change) -> TallyRow:
    return fold_changes(row, changes, now=NOW, oldest_checkpoint=TWO_DAYS_AGO).row


def test_a_change_repeated_in_one_delivery_counts_once() -> None:
    new = change("a", None, contribution(5), 1)
    assert after(EMPTY_ROW, new, new).shown == Totals(1, 5, 0)


def test_a_change_that_was_already_folded_returns_the_same_tally() -> None:
    new = change("a", None, contribution(5), 1)
    row = after(EMPTY_ROW, new)
    assert after(row, new) is row


def test_a_partial_replay_adds_only_new_changes() -> None:
    changes = [change(str(n), None, contribution(n), n) for n in range(1, 6)]
    assert after(after(EMPTY_ROW, *changes[:3]), *changes[1:]).shown == Totals(5, 15, 0)


def test_each_shard_has_its_own_checkpoint() -> None:
    row = after(EMPTY_ROW, change("a", None, contribution(1), 900, "x"))
    assert after(row, change("b", None, contribution(1), 3, "y")).shown.objects == 2


def test_checkpoints_older_than_two_days_are_dropped() -> None:
    old = {"dropped": Checkpoint("1", "2025-12-31T23:59:59.999Z"), "kept": Checkpoint("1", TWO_DAYS_AGO)}
    row = after(TallyRow(checkpoints=old, revision=1), change("a", None, contribution(1), 5, "new"))
    assert set(row.checkpoints) == {"kept", "new"}


def test_a_contribution_is_subtracted_from_its_own_epoch() -> None:
    row = after(EMPTY_ROW, change("a", None, contribution(5), 1), change("b", None, contribution(7), 2))
    row = after(row, change("a", contribution(5), contribution(5, epoch=1), 3))
    assert row.totals == {0: Totals(1, 7, 0), 1: Totals(1, 5, 0)}
    assert row.shown == Totals(2, 12, 0)


def test_closed_epochs_are_ignored_and_their_members_are_stale() -> None:
    row = TallyRow(epoch=1, open_from=1, totals={1: Totals(1, 5, 0)}, revision=1)
    result = fold_changes(row, [change("b", None, contribution(7), 1)], now=NOW, oldest_checkpoint=TWO_DAYS_AGO)
    assert (result.row.shown, result.stale) == (Totals(1, 5, 0), ("b",))
    moved = fold_changes(
        result.row, [change("b", contribution(7), contribution(7, epoch=1), 2)], now=NOW, oldest_checkpoint=TWO_DAYS_AGO
    )
    assert (moved.row.shown, moved.stale) == (Totals(2, 12, 0), ())


def test_a_member_that_left_the_closed_epoch_is_not_stale() -> None:
    row = TallyRow(epoch=1, open_from=1, revision=1)
    changes = [change("b", None, contribution(7), 1), change("b", contribution(7), None, 2)]
    assert fold_changes(row, changes, now=NOW, oldest_checkpoint=TWO_DAYS_AGO).stale == ()


def test_a_deleted_extreme_needs_no_lookup_if_a_larger_object_arrives() -> None:
    row = TallyRow(largest=Extreme(9, "a"), smallest=Extreme(1, "c"), revision=1)
    changes = [change("a", contribution(9), None, 1), change("b", None, contribution(12), 2)]
    result = fold_changes(row, changes, now=NOW, oldest_checkpoint=TWO_DAYS_AGO)
    assert (result.row.largest, result.extreme_lost) == (Extreme(12, "b"), False)


def test_a_lost_extreme_needs_a_lookup() -> None:
    row = TallyRow(largest=Extreme(9, "a"), smallest=Extreme(1, "c"), revision=1)
    assert fold_changes(
        row, [change("a", contribution(9), contribution(4), 1)], now=NOW, oldest_checkpoint=TWO_DAYS_AGO
    ).extreme_lost
    assert fold_changes(
        row, [change("c", contribution(1), contribution(4), 1)], now=NOW, oldest_checkpoint=TWO_DAYS_AGO
    ).extreme_lost


def test_a_status_change_only_changes_the_failed_count() -> None:
    row = after(
        EMPTY_ROW, change("a", None, contribution(5), 1), change("a", contribution(5), contribution(5, failed=1), 2)
    )
    assert row.shown == Totals(1, 5, 1)
    assert after(row, change("a", contribution(5, failed=1), contribution(5), 3)).shown == Totals(1, 5, 0)


def test_a_row_is_read_as_it_was_written() -> None:
    row = TallyRow(
        epoch=3,
        open_from=2,
        totals={2: Totals(-1, 0, 0), 3: Totals(4, 10**15, 1, 6, 3, 2, 1), 4: Totals(batches=1)},
        checkpoints={"s": Checkpoint("0" * 39 + "1", NOW)},
        largest=Extreme(0, "a"),
        smallest=Extreme(0, "a"),
        lookups_due=2,
        last_upload_at=NOW,
        stats_updated_at=NOW,
        recount_due=NOW,
        belongs_to=4,
        revision=17,
    )
    assert from_item(decode(json.loads(json.dumps(encode(to_item(row)))))) == row
    assert from_item({}) == EMPTY_ROW


def test_a_row_without_batches_is_the_same_as_in_earlier_versions() -> None:
    item = encode(to_item(TallyRow(totals={1: Totals(2, 5, 1)}, revision=1)))
    assert item["totals"] == {"M": {"1": {"L": [{"N": "2"}, {"N": "5"}, {"N": "1"}]}}}
    assert {"batches", "batch_totals"} & set(item) == set()
