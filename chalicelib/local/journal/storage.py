"""What the embedded engine keeps on disk, and how it comes back.

Two files in the data folder: `snapshot`, the rows of every table as of some change, and `journal`, the
changes since (see `lines` and `journal`). Both are plain JSON, so that they outlive a new version of moto
and nothing in them can run. Tables are made from their present definition, and rows put into them; so a
new index is simply there after an upgrade.

Starting reads the snapshot and makes the changes again, and writes a new snapshot when that took many.
Whatever cannot be read or made again sends its file aside under a dated name, with one message about it,
and the engine starts with all that is sound.

To keep more than rows (queues) a snapshot takes more kinds of line
beside `table` and `row`, and a change another kind of target.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders

from chalicelib.local.events import streams
from chalicelib.local.journal.journal import Journal, JournalEntry
from chalicelib.local.journal.lines import DAMAGED, UNFINISHED, read_lines, write_lines
from chalicelib.local.moto import rows
from chalicelib.local.moto.backends import Backends

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A change costs 0.4 ms to make again, a row 0.05 ms to read: starting stays under a second or two, and the
# cost of snapshots is spread over the changes between them.
MIN_CHANGES_PER_SNAPSHOT = 2000
ROWS_PER_CHANGE = 4
MAX_JOURNAL_BYTES = 32_000_000

_READS = ("Get", "Query", "Scan", "Describe", "List", "BatchGet", "TransactGet")


class Storage:
    """Keeps the changes made to the backends, and brings them back. It is the backends' keeper.

    `sound`: whether everything was found as it had been left.
    """

    def __init__(
        self,
        folder: Path,
        backends: Backends,
        client: DynamoDBClient,
        make_tables: Callable[[], None],
        report: Callable[[str], None],
    ) -> None:
        self._snapshot = folder / "snapshot"
        self._backends = backends
        self._client = client
        self._make_tables = make_tables
        self._tell = report
        self._rows = 0
        self._places: streams.StreamPositions = {}
        last, self.sound = self._load(folder / "journal")
        self._journal = Journal(folder / "journal", last)
        if not self.sound or self._journal.size:
            self._compact()

    @property
    def last(self) -> int:
        """The number of the last change."""
        return self._journal.last

    def change(self, request: AWSPreparedRequest) -> JournalEntry | None:
        """A request to DynamoDB that is not a mere read."""
        target = request.headers.get("X-Amz-Target", "")
        target = target.decode() if isinstance(target, bytes) else target
        service, _, operation = target.partition(".")
        if not service.startswith("DynamoDB_") or operation.startswith(_READS):
            return None
        self._places = streams.stream_positions(self._backends.account)
        body = request.body
        return JournalEntry(
            target, body.decode(errors="surrogateescape") if isinstance(body, bytes) else str(body or "")
        )

    def keep(self, change: object) -> None:
        """Into the journal; when the disk refuses, everything in memory is put back as the disk has it."""
        assert isinstance(change, JournalEntry)
        try:
            self._journal.append(change)
        except OSError as error:
            self._tell(f"cannot keep a write, it is undone: {error}")
            self._put_back()
            raise
        if self._journal.entries > self._most_changes() or self._journal.size > MAX_JOURNAL_BYTES:
            self._compact()

    def _put_back(self) -> None:
        account = self._backends.account
        waiting = streams.records_before(account, self._places)
        rows.delete_tables(account)
        self._load(self._journal.path)
        streams.set_positions(account, self._places, waiting)

    def close(self) -> None:
        """Everything is on the disk."""
        self._journal.close()

    def _most_changes(self) -> int:
        return max(MIN_CHANGES_PER_SNAPSHOT, self._rows // ROWS_PER_CHANGE)

    def _compact(self) -> None:
        # Dying between the two steps leaves changes in the journal that the snapshot has; their numbers say so.
        try:
            write_lines(self._snapshot, self._state())
            self._journal.clear()
        except OSError as error:
            self._tell(f"cannot write {self._snapshot}, the journal grows on: {error}")

    def _state(self) -> Iterator[Any]:
        account, self._rows = self._backends.account, 0
        yield {"kind": "snapshot", "last": self._journal.last}
        for name in rows.table_names(account):
            yield {"kind": "table", "definition": rows.table_definition(self._client, name)}
            for row in rows.rows_of(account, name):
                self._rows += 1
                yield {"kind": "row", "table": name, "row": row}
        yield {"kind": "end", "rows": self._rows, "last": self._journal.last}

    def _load(self, journal: Path) -> tuple[int, bool]:
        """The number of the last change there is, and whether every file was sound."""
        change_store, self._backends.change_store = self._backends.change_store, None
        with self._backends.lock:
            self._make_tables()
            last, snapshot_sound = self._load_snapshot()
            last, journal_sound = self._replay(journal, last)
            self._make_tables()
        self._backends.change_store = change_store
        return last, snapshot_sound and journal_sound

    def _load_snapshot(self) -> tuple[int, bool]:
        if not self._snapshot.exists():
            return 0, True
        last, lost, ended, self._rows = 0, 0, False, 0
        for line in read_lines(self._snapshot):
            kind = line["kind"] if isinstance(line, dict) else None
            if kind == "snapshot":
                last = line["last"]
            elif kind == "end":
                ended, last = line["rows"] == self._rows, line["last"]
            elif kind is None or not self._restore(line):
                lost += 1
        if lost or not ended:
            self._set_aside(self._snapshot, f"{lost or 'some'} of its lines are not sound; {self._rows} rows are back")
        return last, not lost and ended

    def _restore(self, line: dict[str, Any]) -> bool:
        """Whether a line of the snapshot could be brought back."""
        account = self._backends.account
        known = rows.table_names(account)
        if line["kind"] == "table":
            if line["definition"]["TableName"] not in known:
                self._client.create_table(**line["definition"])
            return True
        if line.get("table") not in known:
            return False
        try:
            rows.put_row(account, line["table"], line["row"])
        except Exception as error:  # whatever moto has against a row, the others are to come back
            self._tell(f"a row of {line['table']} does not come back: {error}")
            return False
        self._rows += 1
        return True

    def _replay(self, journal: Path, last: int) -> tuple[int, bool]:
        """Makes the changes after `last` again; gives the number of the last, and whether all was sound."""
        if not journal.exists():
            return last, True
        made, lost, damaged = 0, 0, 0
        for line in read_lines(journal):
            if line is UNFINISHED:
                self._cut_torn_end(journal)
            elif line is DAMAGED:
                damaged += 1  # which change that was, the numbers around it say
            else:
                number, target, body = line
                damaged = 0
                if number > last:
                    lost, last = lost + number - last - 1, number
                    made, lost = (made + 1, lost) if self._again(target, body) else (made, lost + 1)
        lost, last = lost + damaged, last + damaged
        if lost:
            self._set_aside(journal, f"{lost} of its changes are lost; {made} are back")
        return last, not lost

    def _again(self, target: str, body: str) -> bool:
        headers = HTTPHeaders()
        headers["X-Amz-Target"] = target
        headers["Content-Type"] = "application/x-amz-json-1.0"
        url = f"https://dynamodb.{rows.REGION}.amazonaws.com/"
        request = AWSPreparedRequest("POST", url, headers, body.encode(errors="surrogateescape"), False)
        return bool(self._backends.perform(request).status_code < 300)

    def _cut_torn_end(self, journal: Path) -> None:
        """The process died while it wrote this line, so nobody was told that the change was made."""
        self._tell(f"the last line of {journal} is unfinished: a write that was never answered, dropped")
        content = journal.read_bytes()
        with journal.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)

    def _set_aside(self, path: Path, what: str) -> None:
        """Keeps a copy of a damaged file under a dated name and says so; a new snapshot of what is sound follows."""
        aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        shutil.copy2(path, aside)
        self._tell(f"{path} is damaged: {what}. The damaged file is kept as {aside}")
