"""Compares a fetched file with the field of the schema and with what the client has declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

from chalicelib.blobs.checksums import sha256_in
from chalicelib.blobs.content import mime_type_of_file
from chalicelib.blobs.inputs import last_segment
from chalicelib.blobs.mime_types import (
    OCTET_STREAM,
    TEXT,
    ZIP_SIGNATURE,
    accepted_types,
    essence,
    is_accepted,
    is_well_known,
    mime_type_of_filename,
    read_mime_type,
)
from chalicelib.core.errors import RequestInvalid
from chalicelib.mirroring.failures import MirrorFailed, refused

MAX_FILENAME_BYTES = 255
# Other charsets are rarely sent (RFC 8187, 3.2.1), and Python has some that decode to what is not Unicode. Without a
# charset, the parameter is ASCII.
_FILENAME_CHARSETS = ("utf-8", "iso-8859-1", "us-ascii", "")


@dataclass(frozen=True, slots=True)
class Description:
    """What is known about a file from its first bytes, its URL and the headers of the response."""

    mime_type: str
    filename: str | None


def describe(
    start: bytes, *, is_whole: bool, headers: Mapping[str, str], filename: str | None, type_: str
) -> Description:
    """Returns the description of a file for a field of this type. `start` are its first bytes, or all if `is_whole`.

    Raises MirrorFailed for a file that the field does not accept.
    """
    name = filename or filename_in(headers.get("content-disposition", ""))
    declared = _declared(headers.get("content-type", ""), type_)
    if not is_whole and start.startswith(ZIP_SIGNATURE):
        return Description(_of_large_archive(declared, name, type_), name)
    try:
        found = mime_type_of_file(
            start,
            is_whole=is_whole,
            declared=declared,
            filename=name or "",
            type_=type_,
            declared_name=_shown_type(declared),
        )
    except RequestInvalid as error:
        raise _mismatch(f"{error.problems[0].message}.") from error
    return Description(found, name)


def check_checksum(checksum: str | None, sha256: str) -> None:
    """Raises MirrorFailed if the client has declared another SHA-256. Other algorithms are not compared."""
    if sha256_in(checksum) not in (None, sha256):
        raise refused("checksum_mismatch", f"The file has the SHA-256 {sha256}, and another one was declared.")


def filename_in(disposition: str) -> str | None:
    """Returns the filename in a Content-Disposition header (RFC 6266), or None if there is no valid one."""
    message = Message()
    message["Content-Disposition"] = disposition.replace("\r", " ").replace("\n", " ")
    try:
        given = message.get_param("filename", header="content-disposition")
        if isinstance(given, tuple) and (given[0] or "").lower() not in _FILENAME_CHARSETS:
            return None
        name = message.get_filename() or ""
        found = last_segment(name.replace("\\", "/"), quoted=False)
        return found if found is not None and len(found.encode()) <= MAX_FILENAME_BYTES else None
    except (ValueError, LookupError):  # malformed parts, or characters that UTF-8 does not have
        return None


def _declared(content_type: str, type_: str) -> str:
    """Returns the MIME type that the host declares; a generic one if it declares none.

    Many hosts declare each file that they do not know as text/plain, for example CSV files.
    """
    declared = read_mime_type(content_type) or OCTET_STREAM
    return OCTET_STREAM if essence(declared) == TEXT and not is_accepted(declared, type_) else declared


def _of_large_archive(declared: str, filename: str | None, type_: str) -> str:
    """Returns the MIME type of a zip file whose parts, which say what it is, are named at its end."""
    for candidate in (declared, mime_type_of_filename(filename)):
        if candidate is not None and is_accepted(candidate, type_):
            return candidate
    raise _mismatch(f"The bytes given are application/zip, and a field of type {type_} takes {accepted_types(type_)}.")


def _shown_type(declared: str) -> str:
    """Returns what an error calls the declared type. One that is not a known one is a text of the host, and omitted."""
    known = essence(declared)
    return known if is_well_known(known) else "another type"


def _mismatch(text: str) -> MirrorFailed:
    return refused("content_type_mismatch", text)
