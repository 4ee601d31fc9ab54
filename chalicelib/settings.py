"""The environment, read once, when first needed, and never at import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Every setting of the service. Each comes from the variable `BUCKETS_<NAME>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["aws", "embedded"] = Field(
        default="aws",
        description="`aws` calls AWS or the endpoint in AWS_ENDPOINT_URL; `embedded` runs everything in process",
    )
    catalog_table: str = Field(
        default="buckets-catalog", description="DynamoDB table of organizations, keys, namespaces and buckets"
    )
    objects_table: str = Field(default="buckets-objects", description="DynamoDB table of objects")
    public_url: str = Field(
        default="http://127.0.0.1:8000", description="Base URL that clients and webhooks reach, without /v1"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least level that is logged"
    )
    data_dir: str = Field(default=".local", description="Where the embedded engine keeps its data")
    port: int = Field(
        default=8000,
        ge=1,
        le=65534,
        description="Port of the local server; the embedded AWS door takes the next one",
    )
    dev_key: str | None = Field(
        default=None, description="First API key of the embedded engine, instead of a random one"
    )


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in these environment variables. Empty variables count as unset.

    Raises pydantic's ValidationError, which names the field, when one does not fit.
    """
    given = {name: environ.get(f"BUCKETS_{name.upper()}") for name in Settings.model_fields}
    return Settings.model_validate({name: value for name, value in given.items() if value})
