"""Chooses the hook that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.settings import SettingInvalid, Settings, is_lambda_arn

if TYPE_CHECKING:
    from chalicelib.aws.functions import FunctionClient
    from chalicelib.blobs.service import Blobs
    from chalicelib.processing.processor import Processor


def build_processor(settings: Settings, blobs: Blobs, lambda_client: Callable[[], FunctionClient]) -> Processor:
    """Returns the processor that runs the hook in the settings. `lambda_client` is called when it is first needed."""
    seconds = settings.processor_timeout_seconds
    if not settings.processor:
        from chalicelib.processing.default_hook import DefaultHook

        return DefaultHook(blobs, seconds)
    if is_lambda_arn(settings.processor):
        from chalicelib.processing.lambda_hook import LambdaHook

        return LambdaHook(settings.processor, lambda_client, blobs, seconds)
    from chalicelib.processing.python_hook.client import PythonHook

    return PythonHook(settings.processor, blobs, seconds, log_level=settings.log_level)


def check_processor(settings: Settings) -> None:
    """Raises SettingInvalid if the Python function in the settings cannot be loaded.

    The function is loaded in a child process, which takes as long as the imports of its module. A Lambda function is
    not called.
    """
    from chalicelib.processing.python_hook.process import HookUnloadable, load_once

    if not settings.processor or is_lambda_arn(settings.processor):
        return
    try:
        load_once(settings.processor)
    except HookUnloadable as error:
        raise SettingInvalid(f"BUCKETS_PROCESSOR: {error}") from error
