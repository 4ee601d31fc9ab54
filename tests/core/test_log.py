from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from chalicelib.core import log
from chalicelib.core.clock import format_timestamp

Lines = Callable[[], list[dict[str, Any]]]
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Configures the log again, and returns its output."""
    stream = io.StringIO()
    monkeypatch.setattr(log.logger, "handlers", [])
    monkeypatch.setattr(log.logger, "level", log.logger.level)
    monkeypatch.setattr(log.logger, "propagate", log.logger.propagate)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        log.configure("INFO")
    return stream


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    return lambda: [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


def test_a_line_is_one_object_with_the_given_fields(lines: Lines) -> None:
    started = format_timestamp(datetime.now(UTC))
    log.log("request", status=200, route="/v1/buckets", duration_ms=1.5, organization="")
    log.log("other", level=log.ERROR)
    ended = format_timestamp(datetime.now(UTC))
    written = lines()
    assert all(started <= line.pop("time") <= ended for line in written)
    assert written == [
        {
            "level": "INFO",
            "message": "request",
            "status": 200,
            "route": "/v1/buckets",
            "duration_ms": 1.5,
            "organization": "",
        },
        {"level": "ERROR", "message": "other"},
    ]


def test_lines_inside_a_request_have_its_id_also_in_other_threads(lines: Lines) -> None:
    with log.request_context("outer") as outer:
        with log.request_context("inner") as inner, ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, log.log, "in a thread").result()
            pool.submit(copy_context().run, partial(log.add_request_fields, bucket="bkt_1", object="obj_1")).result()
            log.add_request_fields(bucket="bkt_2")
        log.log("after", bucket="own")
    log.add_request_fields(bucket="bkt_3")
    log.log("outside")
    assert [line.get("request_id") for line in lines()] == ["inner", "outer", None]
    assert inner.found == {"bucket": "bkt_2", "object": "obj_1"}
    assert outer.found == {}


def test_the_first_configuration_sets_the_stream(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log.logger, "handlers", [])
    elsewhere = io.StringIO()
    log.configure("INFO", elsewhere)
    log.configure("INFO")
    log.log("written")
    assert lines() == []
    assert json.loads(elsewhere.getvalue())["message"] == "written"


def test_a_second_configuration_changes_the_level_and_does_not_duplicate_lines(lines: Lines) -> None:
    log.configure("ERROR")
    log.log("too low")
    log.configure("INFO")
    log.log("written")
    assert [line["message"] for line in lines()] == ["written"]


def test_an_exception_is_logged_with_its_frames_and_its_cause(lines: Lines) -> None:
    try:
        try:
            raise KeyError("missing")
        except KeyError as cause:
            raise RuntimeError("the outer error") from cause
    except RuntimeError as error:
        log.log("request", level=log.ERROR, error=error)
    (line,) = lines()
    logged = line["exception"]
    assert (logged["type"], logged["message"]) == ("RuntimeError", "the outer error")
    assert (logged["cause"]["type"], logged["cause"]["message"]) == ("KeyError", "'missing'")
    assert any("test_log" in frame for frame in logged["frames"])


@given(st.text())
def test_any_text_is_written_as_one_line_of_ascii(text: str) -> None:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(log.logger, "handlers", [])
        patch.setattr(log.logger, "propagate", False)
        log.configure("INFO")
        log.log(text, level=log.ERROR, error=ValueError(text), text=text)
    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["level"] == "ERROR"


SECRETS = [
    "sk_X4jG1kZjFVCel1oyYN-WgQiTd-xkk_LbD2_ocaHXDdA",
    "whsec_gOMQVk9JqGtPtdDQHSWk5Q3C6LqObiaGzLCYJcFBnCo",
    "sk_live_abc-DEF_123",
    "sk_p!a$s,s.w;o(r)d",
    'sk_quote"and\\backslash',
    "whsec_abc/def+ghi==",
]
CONTEXTS = ["{}", "Bearer {}", "\n{}", "\t{}\n", "key={}", "'{}'", '{{"key": "{}"}}', "%20{}", "_{}", "é{}", "{0} {0}"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("context", CONTEXTS)
def test_a_secret_is_never_written(stream: io.StringIO, secret: str, context: str) -> None:
    text = context.format(secret)
    try:
        try:
            raise KeyError(text)
        except KeyError as cause:
            raise ValueError(text) from cause
    except ValueError as error:
        log.log(text, level=log.ERROR, error=error, field=text, nested={"list": [text]}, object=WithText(text))
    line = stream.getvalue()
    for piece in (secret, json.dumps(secret)[1:-1], secret[6:], json.dumps(secret[6:])[1:-1]):
        assert piece not in line


class WithText:
    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


@given(ASCII, st.sampled_from(["sk_", "whsec_"]), st.sampled_from(["", " ", "\n", "=", "1", "_", "'"]))
def test_any_text_with_the_format_of_a_secret_is_redacted(body: str, prefix: str, before: str) -> None:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(log.logger, "handlers", [])
        patch.setattr(log.logger, "propagate", False)
        log.configure("INFO")
        log.log("request", field=before + prefix + body)
    assert json.loads(stream.getvalue())["field"] == before + prefix + "…"


def test_words_that_resemble_a_secret_are_not_redacted(lines: Lines) -> None:
    log.log("risk_assessment of task_123", task="task_abc", disk="disk_full")
    (line,) = lines()
    assert (line["message"], line["task"], line["disk"]) == ("risk_assessment of task_123", "task_abc", "disk_full")


def test_the_input_in_the_message_of_a_pydantic_error_is_not_logged(stream: io.StringIO, lines: Lines) -> None:
    class Model(BaseModel):
        password: int
        other: SecretStr

    try:
        Model.model_validate({"password": "a private word", "other": ["another private word"]})
    except ValueError as error:
        try:
            raise RuntimeError("outside") from error
        except RuntimeError as outer:
            log.log("request", level=log.ERROR, error=outer)
    assert "private word" not in stream.getvalue()
    (line,) = lines()
    assert line["exception"]["cause"]["type"] == "ValidationError"


def test_a_long_message_is_truncated(lines: Lines) -> None:
    log.log("request", level=log.ERROR, error=ValueError("x" * 1_000_000))
    assert len(json.dumps(lines())) < 5_000
