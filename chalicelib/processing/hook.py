"""What a hook imports: `from chalicelib.processing.hook import Item, Permanent, Transient`.

A hook is a function `process(item: Item)` that returns the fields to change in the object, or None. The fields are
merged as PATCH merges them. docs/how-to/process-new-objects.md has an example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO


class Transient(Exception):
    """The item failed, and may succeed later: for example, another service is busy. The message is shown to clients."""


class Permanent(Exception):
    """The item failed, and would fail again: for example, its data is invalid. The message is shown to clients."""


@dataclass(frozen=True, slots=True)
class ItemFile:
    """A file of the object.

    `property` is the schema field that the file belongs to, and `type` that field's type. `sha256` is in hex. `url` is
    the address of a file that the service keeps by reference and has no content of; it is None for all others.
    `size_bytes`, `mime_type`, `filename` and `sha256` are None if the service does not know them.
    """

    blob_id: str
    property: str
    type: str
    mime_type: str | None = None
    filename: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    url: str | None = None
    opener: Callable[[], BinaryIO] | None = field(default=None, repr=False, compare=False)

    def open(self) -> BinaryIO:
        """Returns a stream with the content. It can seek, and keeps only a piece of the content in memory.

        The stream cannot be read after the hook has returned. Raises Permanent for a file that is kept by reference.
        Reading raises Transient if the storage does not respond, and Permanent if the content is not in the storage.
        """
        if self.opener is None:
            raise Permanent(f"The file of the field {self.property!r} is kept by reference: read it from its URL")
        return self.opener()

    def read(self) -> bytes:
        """Returns the whole content. Raises the same errors as `open` and its stream."""
        with self.open() as stream:
            return stream.read()


@dataclass(frozen=True, slots=True)
class Item:
    """An object to process, as it was when its processing started.

    `fields` are the client's fields at the root of the object, and `metadata` is that of the batch. `attempt` is 1 for
    the first attempt. `deadline` is the time, in seconds since 1970, at which the attempt is ended.
    """

    object_id: str
    bucket_id: str
    namespace_id: str
    batch_id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[ItemFile, ...] = ()
    attempt: int = 1
    deadline: float = 0.0
