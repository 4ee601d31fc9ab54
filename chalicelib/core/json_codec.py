"""JSON as text: what is written, and which request bodies are taken.

Bodies have finite numbers, no key twice, and bounded depth. What pydantic's own parser lets through
would be lost or changed further on: NaN and 1e400 become null when written, a key given twice hides
its first value, and an integer beyond 38 digits cannot be kept by DynamoDB. One pass of the standard
parser refuses all of them and names the place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from chalicelib.core.errors import ApiError, Problem, RequestInvalid

MAX_DEPTH = 64
MAX_DIGITS = 38


class _Unfit(ValueError):
    """A value that is JSON to the parser and not to us."""

    def __init__(self, type_: str, message: str) -> None:
        super().__init__(message)
        self.type = type_


# Compact, and text as it is; an encoder made once spares each call a third of its time.
to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Document(dict[str, Any]):
    """A JSON object with its text, which is made once: the object must not change after that was asked for."""

    __slots__ = ("_text",)

    def __init__(self, members: Mapping[str, Any], text: str | None = None) -> None:
        super().__init__(members)
        self._text = text

    @property
    def text(self) -> str:
        """The object as JSON: the text it was read from, if it was."""
        if self._text is None:
            self._text = to_json(self)
        return self._text


def text_of(document: Mapping[str, Any]) -> str:
    """A JSON object as text, not made anew where a Document has it."""
    return document.text if isinstance(document, Document) else to_json(document)


def bounded(text: str, max_bytes: int, refused: Callable[[], ApiError]) -> str:
    """The text, if in UTF-8 it has at most so many bytes. Raises what `refused` makes otherwise."""
    # In bytes no text is more than four times as long as in characters.
    if len(text) > max_bytes // 4 and len(text.encode()) > max_bytes:
        raise refused()
    return text


def check_json(raw: bytes) -> None:
    """Refuses (`RequestInvalid`) a body that is not the JSON we take.

    Taken is UTF-8 JSON of at most `MAX_DEPTH` levels, in which no object has a key twice, every
    number is finite, integers have at most `MAX_DIGITS` digits, and strings hold no lone surrogate.
    """
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _refusal("json_invalid", f"The body is not UTF-8: {error.reason}") from error
    except _Unfit as error:
        raise _refusal(error.type, str(error)) from error
    except json.JSONDecodeError as error:
        raise _refusal("json_invalid", f"Invalid JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise _too_deep() from error
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    if b"\\u" in raw or b"\\U" in raw:
        _check_surrogates(value)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [member for item in level for member in _members(item)]
        if not level:
            return
    raise _too_deep()


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [member for member in value.values() if isinstance(member, dict | list)]
    if isinstance(value, list):
        return [member for member in value if isinstance(member, dict | list)]
    return []


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise _refusal("string_unicode", "A string holds half a surrogate pair") from error


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Unfit("duplicate_key", f"The key {twice!r} is given twice in one object")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Unfit("finite_number", f"The number {text[:40]} is too large")
    return number


def _short(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise _Unfit("number_too_long", f"The number {text[:50]} has more than {MAX_DIGITS} digits")
    return int(text)


def _no_constant(text: str) -> NoReturn:
    raise _Unfit("finite_number", f"{text} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_key_twice, parse_float=_finite, parse_int=_short, parse_constant=_no_constant
)


def _refusal(type_: str, message: str) -> RequestInvalid:
    return RequestInvalid([Problem(("body",), message, type_)])


def _too_deep() -> RequestInvalid:
    return _refusal("json_too_deep", f"The body is nested deeper than {MAX_DEPTH} levels")
