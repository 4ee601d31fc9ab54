"""The environment, read once, when first needed, and never at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

ENGINES = ("aws", "embedded")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MAX_PORT = 65_534


class SettingInvalid(ValueError):
    """A setting has a value that it cannot have; the message names the variable."""


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of the service. Each comes from the variable `BUCKETS_<NAME>`."""

    engine: str = _setting("aws", "`aws` calls AWS, or the endpoint in AWS_ENDPOINT_URL; `embedded` needs neither")
    catalog_table: str = _setting("buckets-catalog", "DynamoDB table of organizations, keys, namespaces, buckets")
    objects_table: str = _setting("buckets-objects", "DynamoDB table of objects")
    blob_bucket: str = _setting("buckets-blobs", "S3 bucket of the objects' files")
    public_url: str = _setting("", "Base URL that clients and webhooks reach, without /v1; empty: as the request came")
    log_level: str = _setting("INFO", "Least level that is logged: DEBUG, INFO, WARNING or ERROR")
    task_queue_url: str = _setting("", "SQS queue of background tasks; empty: they wait")
    dead_letter_queue_url: str = _setting("", "SQS queue of stream records that cannot be read; empty: the log alone")
    single_stream_shard: bool = _setting(False, "Streams have one shard, and their events need not name it")
    data_dir: str = _setting(".local", "Folder where the embedded engine keeps its data")
    port: int = _setting(8000, "Port of the local server; the embedded engine's AWS door takes the next one")
    dev_key: str | None = _setting(None, "First API key of the embedded engine, instead of a random one")


def base_url(settings: Settings) -> str:
    """Where this deployment is reached, without /v1; empty where only the gateway knows."""
    local = f"http://127.0.0.1:{settings.port}" if settings.engine == "embedded" else ""
    return settings.public_url.rstrip("/") or local


def environment_variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"BUCKETS_{name.upper()}"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in these environment variables; an empty variable counts as unset.

    Raises SettingInvalid, which names the variable, for a value that does not fit.
    """
    given: dict[str, Any] = {
        f.name: environ[environment_variable(f.name)]
        for f in fields(Settings)
        if environ.get(environment_variable(f.name))
    }
    if "port" in given:
        given["port"] = _port(given["port"])
    if "single_stream_shard" in given:
        given["single_stream_shard"] = _switch("single_stream_shard", given["single_stream_shard"])
    settings = replace(Settings(), **given)
    _check_among("engine", settings.engine, ENGINES)
    _check_among("log_level", settings.log_level, LOG_LEVELS)
    if settings.public_url and not settings.public_url.startswith(("http://", "https://")):
        raise SettingInvalid(f"{environment_variable('public_url')} must start with http:// or https://")
    return settings


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_PORT:
        raise SettingInvalid(f"{environment_variable('port')} must be a number from 1 to {MAX_PORT}, not {text!r}")
    return int(text)


def _switch(name: str, text: str) -> bool:
    _check_among(name, text, ("true", "false"))
    return text == "true"


def _check_among(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingInvalid(f"{environment_variable(name)} must be one of {', '.join(choices)}, not {value!r}")
