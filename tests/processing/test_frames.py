"""Frames arrive complete and in order, however the bytes are cut, and garbage never grows the buffer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.processing.processor import ProcessingFailed
from chalicelib.processing.python_hook.frames import HEADER_BYTES, FrameBuffer, FrameTooLarge, frame
from chalicelib.processing.python_hook.messages import (
    MAX_PIECE_BYTES,
    MessageInvalid,
    decode,
    encode,
    fields_of,
    read_request,
    returned,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(st.binary(max_size=50)), st.data())
def test_frames_arrive_however_the_bytes_are_cut(contents: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(map(frame, contents))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)))))
    buffer, received = FrameBuffer(50), []
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        buffer.feed(sent[start:end])
        while (content := buffer.take()) is not None:
            received.append(content)
    assert received == contents


@given(st.binary(min_size=HEADER_BYTES))
def test_a_frame_beyond_the_limit_is_rejected_before_its_content_arrives(data: bytes) -> None:
    buffer = FrameBuffer(10)
    buffer.feed(data)
    if int.from_bytes(data[:HEADER_BYTES], "big") > 10:
        with pytest.raises(FrameTooLarge):
            buffer.take()
    else:
        assert len(buffer.take() or b"") <= 10


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_message_or_invalid(content: bytes) -> None:
    try:
        message = decode(content)
    except MessageInvalid:
        return
    assert isinstance(message["kind"], str)


@given(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["returned", "failed", "read", "x"])},
        optional={"fields": JSON, "category": JSON | st.just("runtime"), "text": JSON},
    )
)
def test_any_message_is_fields_or_a_failure_or_invalid(message: dict[str, Any]) -> None:
    try:
        fields = fields_of(message)
    except MessageInvalid:
        return
    except ProcessingFailed as error:
        found = error
    else:
        assert isinstance(fields, dict)
        return
    assert found.category == "runtime"
    assert len(found.text) <= 300


@given(st.dictionaries(st.sampled_from(["position", "offset", "size"]), JSON | st.integers(0, 9)))
def test_a_read_request_is_a_valid_range_of_one_of_the_files_or_invalid(message: dict[str, Any]) -> None:
    try:
        request = read_request(message, 3)
    except MessageInvalid:
        return
    assert 0 <= request.position < 3
    assert request.offset >= 0
    assert 1 <= request.size <= MAX_PIECE_BYTES


def test_messages_are_decoded_as_they_were_encoded() -> None:
    assert decode(encode("read", position=1)) == {"kind": "read", "position": 1}
    assert fields_of(decode(returned('{"a":"ä"}'.encode()))) == {"a": "ä"}
