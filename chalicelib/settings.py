"""The settings of the service, from environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, fields, replace
from typing import Any

from chalicelib.core.record import record

ENGINES = ("aws", "embedded")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MAX_PORT = 65_534
MAX_PROCESSOR_TIMEOUT_SECONDS = 240
# The settings that are numbers, and their maxima. The minimum is 1.
MAX_NUMBERS = {"port": MAX_PORT, "processor_timeout_seconds": MAX_PROCESSOR_TIMEOUT_SECONDS, "batch_threads": 64}
# The API reference of EventBridge permits these names (CreateEventBus, Name).
_BUS_NAME = re.compile(r"[/.\-_A-Za-z0-9]{1,256}", re.ASCII)
_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", re.ASCII)
_LAMBDA_ARN = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(:[\w$-]+)?", re.ASCII)


class SettingInvalid(ValueError):
    """An environment variable has an invalid value. The message names the variable."""


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@record
class Settings:
    """All settings of the service. The environment variable of a setting is `BUCKETS_<NAME>`."""

    engine: str = _setting("aws", "`aws` calls AWS, or the endpoint in AWS_ENDPOINT_URL; `embedded` needs neither")
    catalog_table: str = _setting("buckets-catalog", "DynamoDB table of organizations, keys, namespaces, buckets")
    objects_table: str = _setting("buckets-objects", "DynamoDB table of objects")
    blob_bucket: str = _setting("buckets-blobs", "S3 bucket for the files of objects")
    public_url: str = _setting(
        "", "Base URL of the API for clients and webhooks, without /v1; empty: that of the request"
    )
    log_level: str = _setting("INFO", "Minimum log level: DEBUG, INFO, WARNING or ERROR")
    metrics_service: str = _setting("", "Dimension `service` of the metrics in the log; empty: no metrics")
    task_queue_url: str = _setting("", "SQS queue of background tasks; empty: tasks wait and do not run")
    batch_queue_url: str = _setting("", "SQS queue of the chunks of batches; empty: submitted batches wait")
    mirror_queue_url: str = _setting("", "SQS queue of files by URL that are to be copied; empty: they wait")
    dead_letter_queue_url: str = _setting(
        "", "SQS queue of stream records that cannot be processed; empty: they are only logged"
    )
    event_bus_name: str = _setting("", "EventBridge bus that receives events about changes; empty: none are sent")
    secrets_key: str = _setting(
        "", "ARN of the KMS key that encrypts secrets in rows; empty: they are stored as they are"
    )
    processor: str = _setting(
        "", "Hook that processes objects: `package.module:function` or the ARN of a Lambda function; empty: the default"
    )
    processor_timeout_seconds: int = _setting(60, "Time limit of the hook for one object, in seconds")
    single_stream_shard: bool = _setting(False, "Streams have one shard, and their events may omit its id")
    batch_threads: int = _setting(2, "Number of threads in which the embedded engine processes batches")
    data_dir: str = _setting(".local", "Folder for the data of the embedded engine")
    port: int = _setting(8000, "Port of the local server; the AWS endpoint of the embedded engine uses the next port")
    allow_private_urls: bool = _setting(
        False, "Webhooks and files by URL may use this machine and private networks; for development only"
    )
    dev_key: str | None = _setting(None, "First API key of the embedded engine; unset: a random key")


def base_url(settings: Settings) -> str:
    """Returns the base URL of this deployment without /v1, or an empty string if only the gateway knows it."""
    local = f"http://127.0.0.1:{settings.port}" if settings.engine == "embedded" else ""
    return settings.public_url.rstrip("/") or local


def environment_variable(name: str) -> str:
    """Returns the name of a setting's environment variable."""
    return f"BUCKETS_{name.upper()}"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Returns the settings from environment variables. An empty variable counts as unset.

    Raises SettingInvalid for an invalid value.
    """
    values: dict[str, Any] = {
        f.name: environ[environment_variable(f.name)]
        for f in fields(Settings)
        if environ.get(environment_variable(f.name))
    }
    for name in values.keys() & MAX_NUMBERS.keys():
        values[name] = _parse_number(name, values[name], MAX_NUMBERS[name])
    for name in ("single_stream_shard", "allow_private_urls"):
        if name in values:
            values[name] = _parse_bool(name, values[name])
    settings = replace(Settings(), **values)
    _check_choice("engine", settings.engine, ENGINES)
    _check_choice("log_level", settings.log_level, LOG_LEVELS)
    if settings.public_url and not settings.public_url.startswith(("http://", "https://")):
        raise SettingInvalid(f"{environment_variable('public_url')} must start with http:// or https://")
    if settings.processor and not is_lambda_arn(settings.processor) and not _is_function_name(settings.processor):
        raise SettingInvalid(
            f"{environment_variable('processor')} must be package.module:function or the ARN of a Lambda function, "
            f"not {settings.processor!r}"
        )
    if settings.event_bus_name and not _BUS_NAME.fullmatch(settings.event_bus_name):
        raise SettingInvalid(f"{environment_variable('event_bus_name')} must be the name of an EventBridge bus")
    if settings.secrets_key:
        _check_key(settings)
    return settings


def is_lambda_arn(processor: str) -> bool:
    """Returns whether the hook in the settings is a Lambda function."""
    return _LAMBDA_ARN.fullmatch(processor) is not None


def _check_key(settings: Settings) -> None:
    name = environment_variable("secrets_key")
    if not _KEY_ARN.fullmatch(settings.secrets_key):
        raise SettingInvalid(f"{name} must be the ARN of a KMS key")
    if settings.engine == "embedded":
        raise SettingInvalid(f"{name} needs AWS: the embedded engine has no KMS")


def _is_function_name(text: str) -> bool:
    module, colon, function = text.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), function))


def _parse_number(name: str, text: str, maximum: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= maximum:
        raise SettingInvalid(f"{environment_variable(name)} must be a number from 1 to {maximum}, not {text!r}")
    return int(text)


def _parse_bool(name: str, text: str) -> bool:
    _check_choice(name, text, ("true", "false"))
    return text == "true"


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingInvalid(f"{environment_variable(name)} must be one of {', '.join(choices)}, not {value!r}")
