"""Saves the rows of the embedded engine to the disk, and loads them.

There are two files in the data folder: `snapshot`, all rows of all tables at one moment, and `journal`, the changes
since then (see `lines` and `journal`). Both are plain JSON: they do not depend on the version of moto, and reading them
executes nothing. Tables are created from their current definition before the rows are put, so an upgrade adds a new
index to existing data.

A start loads the snapshot, replays the journal, and writes a new snapshot. When lines are damaged or cannot be
replayed, a copy of the file is kept under a name with the date, one message is printed, and the engine starts with all
undamaged data.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders

from chalicelib.local.events import streams
from chalicelib.local.journal.journal import Journal, JournalEntry, last_number_path, read_last_number
from chalicelib.local.journal.lines import DAMAGED, UNFINISHED, read_lines, write_lines
from chalicelib.local.journal.row_changes import as_rows, put_rows
from chalicelib.local.journal.set_aside import aside_path, set_aside_if_odd
from chalicelib.local.moto import rows
from chalicelib.local.moto.backends import Backends

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Loading a row takes 0.03 ms, and writing it to a snapshot too. With these limits the cost of a snapshot is spread over
# many changes, and the journal adds little to the time of a start.
MIN_CHANGES_PER_SNAPSHOT = 2000
ROWS_PER_CHANGE = 4
MAX_JOURNAL_BYTES = 32_000_000

_READ_PREFIXES = ("Get", "Query", "Scan", "Describe", "List", "BatchGet", "TransactGet")


class Storage:
    """The change store of the backends' DynamoDB. Loads all saved rows when it is created.

    `intact` is whether every file was found complete and undamaged.
    """

    def __init__(
        self,
        folder: Path,
        backends: Backends,
        client: DynamoDBClient,
        make_tables: Callable[[], None],
        report: Callable[[str], None],
        known_last: int = 0,
    ) -> None:
        """`make_tables` creates missing tables. `report` gets a line of text for each problem.

        `known_last` is the number of a change that was saved, as another file of the folder says.
        """
        self._snapshot = folder / "snapshot"
        self._backends = backends
        self._client = client
        self._make_tables = make_tables
        self._report = report
        self._rows = 0
        self._known_last = known_last
        self._positions: streams.StreamPositions = {}
        journal = folder / "journal"
        for path in (self._snapshot, journal, last_number_path(journal)):
            set_aside_if_odd(path, report)
        with _without_collections():
            last, self.intact = self._load(journal)
            self._journal = Journal(journal, last)
            if not self.intact or self._journal.size:
                self._write_snapshot()

    @property
    def last(self) -> int:
        """The number of the last change."""
        return self._journal.last

    def change_of(self, request: AWSPreparedRequest) -> JournalEntry | None:
        """Returns the journal entry of a DynamoDB request, or None for reads and for other services."""
        target = request.headers.get("X-Amz-Target", "")
        target = target.decode() if isinstance(target, bytes) else target
        service, _, operation = target.partition(".")
        if not service.startswith("DynamoDB_") or operation.startswith(_READ_PREFIXES):
            return None
        self._positions = streams.stream_positions(self._backends.account)
        body = request.body
        text = body.decode(errors="surrogateescape") if isinstance(body, bytes) else str(body or "")
        return JournalEntry(target, text)

    def save(self, change: object) -> None:
        """Appends an entry to the journal. If it cannot, loads all rows again from the disk and raises OSError."""
        assert isinstance(change, JournalEntry)
        try:
            self._journal.append(as_rows(self._backends.account, change))
        except OSError as error:
            self._report(f"cannot save a write, the write is undone: {error}")
            self._undo()
            raise
        if self._journal.entries > self._max_changes() or self._journal.size > MAX_JOURNAL_BYTES:
            self._write_snapshot()

    def _undo(self) -> None:
        account = self._backends.account
        waiting = streams.records_before(account, self._positions)
        rows.delete_tables(account)
        self._load(self._journal.path)
        streams.set_positions(account, self._positions, waiting)

    def close(self) -> None:
        """Writes everything to the disk."""
        self._journal.close()

    def _max_changes(self) -> int:
        return max(MIN_CHANGES_PER_SNAPSHOT, self._rows // ROWS_PER_CHANGE)

    def _write_snapshot(self) -> None:
        # If the process is killed between the two steps, the journal has changes that the snapshot contains already.
        # The next start recognizes them by their numbers and skips them.
        try:
            write_lines(self._snapshot, self._snapshot_lines())
            self._journal.clear()
        except OSError as error:
            self._report(f"cannot write {self._snapshot}, the journal continues to grow: {error}")

    def _snapshot_lines(self) -> Iterator[Any]:
        account, self._rows = self._backends.account, 0
        yield {"kind": "snapshot", "last": self._journal.last}
        for name in rows.table_names(account):
            yield {"kind": "table", "definition": rows.table_definition(self._client, name)}
            for row in rows.rows_of(account, name):
                self._rows += 1
                yield {"kind": "row", "table": name, "row": row}
        yield {"kind": "end", "rows": self._rows, "last": self._journal.last}

    def _load(self, journal: Path) -> tuple[int, bool]:
        """Loads both files. Returns the number of the last change, and whether both files are intact."""
        store, self._backends.change_store = self._backends.change_store, None
        with self._backends.lock:
            self._make_tables()
            last, is_snapshot_intact = self._load_snapshot()
            last, is_journal_intact = self._replay(journal, last)
            self._make_tables()
        self._backends.change_store = store
        return last, is_snapshot_intact and is_journal_intact

    def _load_snapshot(self) -> tuple[int, bool]:
        """Returns the number of the last change in the snapshot, and whether the file is intact."""
        if not self._snapshot.exists():
            return 0, True
        last, lost, is_complete, self._rows = 0, 0, False, 0
        for line in read_lines(self._snapshot):
            kind = line["kind"] if isinstance(line, dict) else None
            if kind == "snapshot":
                last = line["last"]
            elif kind == "end":
                is_complete, last = line["rows"] == self._rows, line["last"]
            elif kind is None or not self._restore(line):
                lost += 1
        if lost or not is_complete:
            self._set_aside(self._snapshot, f"{lost or 'some'} of its lines are lost; {self._rows} rows are restored")
        return last, not lost and is_complete

    def _restore(self, line: dict[str, Any]) -> bool:
        """Creates the table or puts the row of a line. Returns whether that was possible."""
        account = self._backends.account
        existing = rows.table_names(account)
        if line["kind"] == "table":
            if line["definition"]["TableName"] not in existing:
                self._client.create_table(**line["definition"])
            return True
        if line.get("table") not in existing:
            return False
        try:
            rows.load_row(account, line["table"], line["row"])
        except Exception as error:  # a row may have any defect, and the other rows must be restored
            self._report(f"a row of {line['table']} cannot be restored: {error}")
            return False
        self._rows += 1
        return True

    def _replay(self, journal: Path, last: int) -> tuple[int, bool]:
        """Performs the changes after number `last`. Returns the number of the last, and whether the file is intact."""
        performed, lost, damaged, is_unfinished = 0, 0, 0, False
        for line in read_lines(journal) if journal.exists() else ():
            if line is UNFINISHED:
                is_unfinished = True
            elif line is DAMAGED:
                damaged += 1  # counted by the gap to the next number, or at the end of the file
            else:
                number, target, body = line
                damaged = 0
                if number > last:
                    lost, last = lost + number - last - 1, number
                    performed, lost = (performed + 1, lost) if self._perform(target, body) else (performed, lost + 1)
        lost, last = lost + damaged, last + damaged
        lost_at_end = max(0, read_last_number(journal) - last, self._known_last - last)
        if is_unfinished and not lost_at_end:
            self._remove_unfinished_line(journal)
        lost, last = lost + lost_at_end, last + lost_at_end
        if lost:
            self._set_aside(journal, f"{lost} of its changes are lost; {performed} are restored")
        return last, not lost

    def _perform(self, target: str, body: str) -> bool:
        with suppress(Exception):  # a row that cannot be put is rejected by moto as well
            if put_rows(self._backends.account, JournalEntry(target, body)):
                return True
        headers = HTTPHeaders()
        headers["X-Amz-Target"] = target
        headers["Content-Type"] = "application/x-amz-json-1.0"
        url = f"https://dynamodb.{rows.REGION}.amazonaws.com/"
        request = AWSPreparedRequest("POST", url, headers, body.encode(errors="surrogateescape"), False)
        return bool(self._backends.perform(request).status_code < 300)

    def _remove_unfinished_line(self, journal: Path) -> None:
        """The process ended while it wrote this line, so no client got a response for the change."""
        self._report(f"the last line of {journal} is unfinished: this write was never acknowledged and is removed")
        content = journal.read_bytes()
        with journal.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)

    def _set_aside(self, path: Path, damage: str) -> None:
        """Copies a damaged file to a name with the date, and reports it. A new snapshot replaces the file itself."""
        if not path.exists():
            self._report(f"{path} is missing: {damage}")
            return
        copy = aside_path(path)
        shutil.copy2(path, copy)
        self._report(f"{path} is damaged: {damage}. A copy of the damaged file is kept as {copy}")


@contextmanager
def _without_collections() -> Iterator[None]:
    """Runs no garbage collection inside the block. Rows have no cycles, and a search for them takes a second."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
