"""The settings of the service, from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

ENGINES = ("aws", "embedded")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MAX_PORT = 65_534


class SettingInvalid(ValueError):
    """An environment variable has an invalid value. The message names the variable."""


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
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
    task_queue_url: str = _setting("", "SQS queue of background tasks; empty: tasks wait and do not run")
    dead_letter_queue_url: str = _setting(
        "", "SQS queue of stream records that cannot be processed; empty: they are only logged"
    )
    single_stream_shard: bool = _setting(False, "Streams have one shard, and their events may omit its id")
    data_dir: str = _setting(".local", "Folder for the data of the embedded engine")
    port: int = _setting(8000, "Port of the local server; the AWS endpoint of the embedded engine uses the next port")
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
    if "port" in values:
        values["port"] = _parse_port(values["port"])
    if "single_stream_shard" in values:
        values["single_stream_shard"] = _parse_bool("single_stream_shard", values["single_stream_shard"])
    settings = replace(Settings(), **values)
    _check_choice("engine", settings.engine, ENGINES)
    _check_choice("log_level", settings.log_level, LOG_LEVELS)
    if settings.public_url and not settings.public_url.startswith(("http://", "https://")):
        raise SettingInvalid(f"{environment_variable('public_url')} must start with http:// or https://")
    return settings


def _parse_port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_PORT:
        raise SettingInvalid(f"{environment_variable('port')} must be a number from 1 to {MAX_PORT}, not {text!r}")
    return int(text)


def _parse_bool(name: str, text: str) -> bool:
    _check_choice(name, text, ("true", "false"))
    return text == "true"


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingInvalid(f"{environment_variable(name)} must be one of {', '.join(choices)}, not {value!r}")
