"""Which kind of file some bytes are, and which kinds a field of the schema takes."""

from __future__ import annotations

import re
from collections.abc import Iterable

OCTETS = "application/octet-stream"
TEXT = "text/plain"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"

# What each file type takes: whole families end in a slash. A GIF may be an image or a video.
_TAKEN: dict[str, tuple[str, ...]] = {
    "image": ("image/",),
    "audio": ("audio/", "application/ogg"),
    "video": ("video/", "image/gif", "application/mp4", "application/ogg"),
    "pdf": ("application/pdf", "application/x-pdf"),
    "excel": (
        XLSX,
        CSV,
        "application/csv",
        "application/vnd.ms-excel",
        "application/vnd.ms-excel.sheet.macroenabled.12",
        "application/vnd.ms-excel.sheet.binary.macroenabled.12",
    ),
    "text": (
        "text/",
        "application/json",
        "application/ld+json",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
        "application/javascript",
        "application/sql",
        "application/rtf",
        "application/x-subrip",
    ),
}
# Containers whose first bytes do not say whether there is a picture to the sound.
_SOUND_OR_PICTURE = frozenset({"mp4", "x-m4v", "webm", "x-matroska", "ogg", "3gpp", "quicktime", "x-ms-wmv"})
# What says nothing about the bytes.
_VAGUE = frozenset({OCTETS, "binary/octet-stream", "application/x-binary"})
_MIME_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
# What a text never holds: control characters other than tab, line feed, form feed, carriage return, escape.
_NEVER_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_ZIPPED = b"PK\x03\x04"
# Files of these types may consist of letters.
_LETTERS = frozenset({"text", "excel"})
# More than any signature that the library looks for is long.
_SNIFFED = 8192


def read_mime_type(text: str) -> str | None:
    """The type and subtype in lower case, parameters left out; None where it has not that form."""
    essence = text.partition(";")[0].strip().lower()
    return essence if _MIME_TYPE.fullmatch(essence) else None


def taken_by(type_: str) -> str:
    """The MIME types that a field of a file type takes, for people."""
    return ", ".join(f"{name}*" if name.endswith("/") else name for name in _TAKEN[type_])


def fits(mime_type: str, type_: str) -> bool:
    """Whether a field of a file type takes a MIME type."""
    return any(mime_type.startswith(taken) if taken.endswith("/") else mime_type == taken for taken in _TAKEN[type_])


def is_vague(mime_type: str) -> bool:
    """Whether this MIME type only says that there are bytes."""
    return mime_type in _VAGUE


def of_filename(filename: str | None) -> str | None:
    """The MIME type that the end of a filename suggests."""
    import mimetypes

    # The table that comes with Python alone: that of the machine would make answers differ between two.
    return mimetypes.MimeTypes().guess_type(filename)[0] if filename else None


def sniff(content: bytes, type_: str) -> str | None:
    """The MIME type that the bytes show, or None; of two that they may equally well have, that which fits `type_`."""
    if type_ in _LETTERS and decoded(content) is not None:
        return None  # letters that start like a picture's bytes are still letters
    if content.startswith(_ZIPPED) and _is_workbook(content):
        return XLSX
    import filetype

    found = filetype.guess(content[:_SNIFFED])
    return _as_asked(found.mime, type_) if found else None


def decoded(content: bytes) -> str | None:
    """The text that these bytes are in UTF-8, or None where they are no text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _NEVER_IN_TEXT.search(text) else text


def by_default(content: bytes, type_: str) -> str:
    """What to call bytes about which nothing is known."""
    if type_ == "text":
        return TEXT
    return CSV if type_ == "excel" and decoded(content) is not None else OCTETS


def _as_asked(mime_type: str, type_: str) -> str:
    """A container for sound and picture alike, called as the field has it."""
    family, _, subtype = mime_type.partition("/")
    if type_ in ("audio", "video") and family in ("audio", "video") and subtype in _SOUND_OR_PICTURE:
        return f"{type_}/{subtype}"
    return mime_type


def _is_workbook(content: bytes) -> bool:
    """Whether a zip file holds what an Excel workbook holds, in whatever order its writer put that."""
    return any(name.startswith("xl/workbook.") for name in _names_in(content))


def _names_in(zipped: bytes) -> Iterable[str]:
    import io
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeDecodeError):
        return ()
