"""The settings choose the hook."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.blobs.service import Blobs
from chalicelib.processing.default_hook import DefaultHook
from chalicelib.processing.lambda_hook import LambdaHook
from chalicelib.processing.processor import Processor
from chalicelib.processing.python_hook.client import PythonHook
from chalicelib.processing.selection import build_processor
from chalicelib.settings import MAX_PROCESSOR_TIMEOUT_SECONDS, Settings
from tests.processing.support import CONTEXT, new_object

FUNCTION_SECONDS = 300


def build(blobs: Blobs, **settings: Any) -> Processor:
    return build_processor(Settings(**settings), blobs, lambda: pytest.fail("no client is needed yet"))


@pytest.mark.parametrize(
    ("processor", "kind"),
    [
        ("", DefaultHook),
        ("tests.processing.hooks:process", PythonHook),
        ("arn:aws:lambda:us-east-1:123456789012:function:hook", LambdaHook),
    ],
)
def test_the_setting_chooses_the_hook(blobs: Blobs, processor: str, kind: type) -> None:
    assert type(build(blobs, processor=processor)) is kind
    longest = build(blobs, processor=processor, processor_timeout_seconds=MAX_PROCESSOR_TIMEOUT_SECONDS)
    assert longest.max_seconds <= FUNCTION_SECONDS - 20


def test_the_default_hook_processes_an_object(blobs: Blobs) -> None:
    assert build(blobs).process(new_object(), CONTEXT) == {}
