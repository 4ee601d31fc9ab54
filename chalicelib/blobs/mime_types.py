"""Finds the MIME type of a file, and which MIME types a schema field of a file type accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable

OCTET_STREAM = "application/octet-stream"
TEXT = "text/plain"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"

# The MIME types that each file type accepts. "image/" means all types with this prefix. A GIF is an image or a video.
_ACCEPTED: dict[str, tuple[str, ...]] = {
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
# Containers that hold audio or video. Their signatures do not show which of the two.
_AUDIO_OR_VIDEO = frozenset({"mp4", "x-m4v", "webm", "x-matroska", "ogg", "3gpp", "quicktime", "x-ms-wmv"})
# Formats of images and sound that are texts or start like one, and raw sound, whose bytes can be anything.
_CAN_START_LIKE_TEXT = frozenset(
    {
        "image/fits", "image/vnd.dxf", "image/vnd.radiance", "image/x-fits", "image/x-portable-anymap",
        "image/x-portable-bitmap", "image/x-portable-graymap", "image/x-portable-pixmap", "image/x-xbitmap",
        "image/x-xpixmap", "audio/mpegurl", "audio/x-mpegurl", "audio/x-scpls", "audio/basic", "audio/l8", "audio/l16",
        "audio/l24", "audio/pcma", "audio/pcmu",
    }
)  # fmt: skip
# MIME types for content of an unknown type.
_GENERIC = frozenset({OCTET_STREAM, "binary/octet-stream", "application/x-binary"})
_MIME_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_HTTP_NAME = r"[A-Za-z0-9!#$%&'*+^_`|~.-]+"
_PARAMETER = re.compile(rf"""\s*({_HTTP_NAME})=({_HTTP_NAME}|"[ !#-\[\]-~]*")\s*(?:;|$)""")
# The parameters that say how the bytes are read (RFC 2046, 4.1.2; RFC 4180; RFC 6381; RFC 2586). Others, such as the
# `name` of a file, are dropped.
_KEPT_PARAMETERS = ("charset", "header", "codecs", "rate", "channels")
MAX_PARAMETERS_CHARS = 200
# Control characters other than tab, line feed, form feed, carriage return and escape. No text contains them.
_NEVER_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
ZIP_SIGNATURE = b"PK\x03\x04"
# Files of these types can be plain text.
_TEXT_TYPES = frozenset({"text", "excel"})


def read_mime_type(text: str) -> str | None:
    """The type and subtype in lower case, with the parameters that say how the bytes are read, for example
    `text/csv; charset=windows-1252`; None if the text is not a MIME type (RFC 6838, 4.2).
    """
    name = essence(text)
    if not _MIME_TYPE.fullmatch(name):
        return None
    parameters = "".join(f"; {key}={value}" for key, value in _kept_parameters(text.partition(";")[2]).items())
    return name + parameters if len(parameters) <= MAX_PARAMETERS_CHARS else name


def essence(mime_type: str) -> str:
    """The type and subtype of a MIME type in lower case, without its parameters."""
    return mime_type.partition(";")[0].strip().lower()


def accepted_types(type_: str) -> str:
    """The MIME types that a file type accepts, as text for an error message."""
    return ", ".join(f"{name}*" if name.endswith("/") else name for name in _ACCEPTED[type_])


def is_accepted(mime_type: str, type_: str) -> bool:
    """Whether a file type accepts a MIME type."""
    name = essence(mime_type)
    return any(
        name.startswith(accepted) if accepted.endswith("/") else name == accepted for accepted in _ACCEPTED[type_]
    )


def is_generic(mime_type: str) -> bool:
    """Whether this MIME type stands for content of an unknown type."""
    return essence(mime_type) in _GENERIC


def mime_type_of_filename(filename: str | None) -> str | None:
    """The MIME type for the extension of a filename; None if it is unknown."""
    import mimetypes

    # Uses only Python's own table: mimetypes.guess_type() also reads files that differ between machines.
    return mimetypes.MimeTypes().guess_type(filename)[0] if filename else None


def is_well_known(mime_type: str) -> bool:
    """Whether a MIME type without parameters is in Python's own table, which has the common ones."""
    import mimetypes

    tables = mimetypes.MimeTypes().types_map
    return any(mime_type in table.values() for table in tables)


def sniff(content: bytes, type_: str) -> str | None:
    """The MIME type that the content shows, or None. Of two possible types, the one that `type_` accepts."""
    if type_ in _TEXT_TYPES and decode_text(content) is not None:
        return None  # a text can start with the same characters as a signature, for example "%PDF-1.7"
    if content.startswith(ZIP_SIGNATURE) and _is_workbook(content):
        return XLSX
    from chalicelib.blobs.signatures import SVG, detect

    found = detect(content)
    if found is None or (found == SVG and type_ in _TEXT_TYPES):
        return None
    return for_field_type(found, type_)


def is_misplaced_text(content: bytes, type_: str, mime_type: str | None) -> bool:
    """Whether content without a signature is a text in a field for other files.

    `mime_type` is the declared type, or the one of the filename.
    """
    if type_ in _TEXT_TYPES or (mime_type is not None and essence(mime_type) in _CAN_START_LIKE_TEXT):
        return False
    from chalicelib.blobs.signatures import is_text

    return is_text(content)


def decode_text(content: bytes) -> str | None:
    """The content decoded from UTF-8; None if it is not UTF-8 or contains control characters."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _NEVER_IN_TEXT.search(text) else text


def default_mime_type(content: bytes, type_: str) -> str:
    """The MIME type for content whose type is unknown."""
    if type_ == "text":
        return TEXT
    from chalicelib.blobs.signatures import is_text

    return CSV if type_ == "excel" and is_text(content) else OCTET_STREAM


def _kept_parameters(text: str) -> dict[str, str]:
    """The parameters to keep in `; name=value` pairs. Reading stops at the first one that is malformed."""
    kept: dict[str, str] = {}
    position = 0
    while found := _PARAMETER.match(text, position):
        name = found[1].lower()
        if name in _KEPT_PARAMETERS:
            kept.setdefault(name, found[2])
        position = found.end()
    return kept


def for_field_type(mime_type: str, type_: str) -> str:
    """The MIME type. A container that can hold audio or video gets the type of the field."""
    family, _, subtype = mime_type.partition("/")
    if type_ in ("audio", "video") and family in ("audio", "video") and subtype in _AUDIO_OR_VIDEO:
        return f"{type_}/{subtype}"
    return mime_type


def _is_workbook(content: bytes) -> bool:
    """Whether a zip file is an Excel workbook. The order of its members depends on the program that wrote it."""
    return any(name.startswith("xl/workbook.") for name in _member_names(content))


def _member_names(content: bytes) -> Iterable[str]:
    import io
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeDecodeError):
        return ()
