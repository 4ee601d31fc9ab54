"""Recognizes the format of a file by its first bytes.

The library `filetype` compares two to four bytes for many formats, and a text can start with the same bytes: "BMW" has
the signature of a bitmap, and the first letters of a Russian text in windows-1251 are those of an AAC file. So a text
is only compared with the formats that are texts themselves, and a short signature needs the bytes that follow it.
"""

from __future__ import annotations

import re

SVG = "image/svg+xml"
# Longer than every signature that the `filetype` library looks for.
_HEAD_BYTES = 8192
# An SVG can start with a long comment or a document type definition.
_PROLOG_BYTES = 65536
# All control characters but tab, line feed, form feed, carriage return and escape.
_CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\f\r\x1b"))
# A control character among the first bytes means a binary format. Later, a text may have one in so many characters.
_FIRST_BYTES = 16
_TEXT_BYTES_PER_CONTROL = 32
# Programs for MS-DOS end a text with this character.
_DOS_END = b"\x1a"
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

# The root element after declarations, comments and a document type. Possessive, so that the time is linear.
_SVG = (
    r"(?>\s+|<\?(?s:.*?)\?>|<!--(?s:.*?)-->|<!DOCTYPE[^>\[]*+(?:\[(?s:.*?)\]\s*+)?>)*+<(?:[A-Za-z_][\w.-]*+:)?svg[\s/>]"
)
# Formats whose files can be texts as a whole.
_TEXT_FORMATS = {
    "application/pdf": r"\s*+%PDF-[12]\.[0-9]",
    "application/rtf": r"\{\\rtf",
    "application/postscript": r"%!PS-",
    SVG: _SVG,
}
# What the first bytes of a format must be, as a regular expression. The `filetype` library checks less.
_CONFIRMATIONS = {
    "image/bmp": rb"BM.{11}\x00[\x0c\x10(4@8l|]\x00\x00\x00",
    "image/gif": rb"GIF8[79]a",
    "image/vnd.adobe.photoshop": rb"8BPS\x00[\x01\x02]",
    "image/vnd.dwg": rb"AC10[0-9]{2}\x00",
    "image/vnd.ms-photo": rb"II\xbc\x01",
    "audio/midi": rb"MThd\x00\x00\x00\x06",
    "audio/mp4": rb".{4}ftypM4A",
    "audio/mpeg": rb"ID3[\x02-\x04][\x00-\x0f].[\x00-\x7f]{4}|\xff[\xf2\xf3\xfb][\x10-\xef]",
    "audio/ogg": rb"OggS\x00",
    "audio/x-flac": rb"fLaC[\x00\x80]",
    "video/3gpp": rb".{4}ftyp3g",
    "application/pdf": rb"(?:\xef\xbb\xbf)?%PDF-",
    "application/postscript": rb"%!PS-",
    "application/vnd.ms-cab-compressed": rb"MSCF\x00{4}|ISc\(.{2}[\x00-\x0f]",
    "application/x-bzip2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
    "application/x-google-chrome-extension": rb"Cr24[\x02\x03]\x00\x00\x00",
    "application/x-lzip": rb"LZIP[\x00\x01]",
    "application/x-msdownload": rb"MZ.[\x00\x01].{5}\x00",
    "application/x-rpm": rb"\xed\xab\xee\xdb[\x03\x04]",
    "application/x-shockwave-flash": rb"[FCZ]WS[\x01-\x1f]",
    "application/x-sqlite3": rb"SQLite format 3\x00",
}
# The image formats in a container of the ISO base media file format, by their brands (ISO/IEC 23008-12, annex B).
_IMAGE_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis"), "image/heic"),
    **dict.fromkeys((b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic-sequence"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    b"crx ": "image/x-canon-cr3",
}
# Brands that say only that the container holds an image or a sequence of images.
_GENERIC_BRANDS = {b"mif1": "image/heif", b"mif2": "image/heif", b"msf1": "image/heif-sequence"}


def detect(content: bytes) -> str | None:
    """The MIME type that the content's first bytes show; None for a text and for an unknown format."""
    if is_text(content):
        start = _start_of_text(content)
        return next((mime_type for mime_type, pattern in _TEXT_FORMATS.items() if re.match(pattern, start)), None)
    head = content[:_HEAD_BYTES]
    image = _image_in_container(head)
    if image is not None:
        return image
    import filetype

    found = filetype.guess(head)
    if found is None or found.mime == "application/octet-stream":
        return None
    confirmation = _CONFIRMATIONS.get(found.mime)
    return str(found.mime) if confirmation is None or re.match(confirmation, head, re.DOTALL) else None


def is_text(content: bytes) -> bool:
    """Whether the content starts like a text, in any encoding that is a superset of ASCII, or in UTF-16 with a mark."""
    head = content[:_HEAD_BYTES]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _is_utf_16(head)
    head = head.removesuffix(_DOS_END)
    if b"\0" in head or _count_controls(head[:_FIRST_BYTES]):
        return False
    return _count_controls(head) * _TEXT_BYTES_PER_CONTROL <= len(head)


def _count_controls(content: bytes) -> int:
    return len(content) - len(content.translate(None, _CONTROLS))


def _is_utf_16(head: bytes) -> bool:
    text = head[: len(head) // 2 * 2].decode("utf-16", errors="ignore")
    return not any(ord(char) < 0x20 and char not in "\t\n\f\r\x1b" for char in text)


def _start_of_text(content: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return content[:_PROLOG_BYTES].decode(encoding, errors="ignore").lstrip("\ufeff")
    return content[:_PROLOG_BYTES].decode("latin-1")


def _image_in_container(head: bytes) -> str | None:
    """The MIME type of an image in a container of the ISO base media file format (ISO/IEC 14496-12, section 4.3)."""
    if head[4:8] != b"ftyp":
        return None
    major = head[8:12]
    if major not in _GENERIC_BRANDS:
        return _IMAGE_BRANDS.get(major)
    end = int.from_bytes(head[:4], "big")
    compatible = (head[start : start + 4] for start in range(16, min(end, len(head)), 4))
    return next((_IMAGE_BRANDS[brand] for brand in compatible if brand in _IMAGE_BRANDS), _GENERIC_BRANDS[major])
