"""The request models of operations on source adapters and their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.adapters.models import SourceAdapterConfig
from chalicelib.deliveries.delivery import State

STRICT = ConfigDict(strict=True, extra="forbid", defer_build=True)
MAX_DELIVERIES = 100
MAX_PAYLOADS = 20
MAX_GRACE_SECONDS = 604_800

DeliveryIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]], Field(min_length=1, max_length=MAX_DELIVERIES)
]


class DeliveryFilter(BaseModel):
    """Which deliveries are meant. All given conditions must hold."""

    model_config = STRICT
    state: State | None = Field(default=None, description="Only deliveries with this state")
    event_type: str | None = Field(default=None, max_length=200, description="Only deliveries with this event type")
    received_after: datetime | None = Field(default=None, description="Only deliveries received at this time or later")
    received_before: datetime | None = Field(default=None, description="Only deliveries received before this time")


class ListDeliveriesRequest(DeliveryFilter):
    """Which deliveries to list. Newer deliveries come first."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"state": "PARKED", "limit": 20}]})
    limit: int = Field(default=50, ge=1, le=1000, description="Page size")
    cursor: str | None = Field(default=None, description="`next_cursor` of the previous page")


class _ChosenDeliveries(DeliveryFilter):
    """Deliveries by their ids, or by a filter."""

    delivery_ids: DeliveryIds | None = Field(
        default=None, description="These deliveries, in this order. Cannot be combined with a filter"
    )
    limit: int = Field(default=MAX_DELIVERIES, ge=1, le=MAX_DELIVERIES, description="The maximum number of deliveries")
    cursor: str | None = Field(
        default=None, description="`next_cursor` of the previous response, to go on with later deliveries"
    )

    @model_validator(mode="after")
    def _check_choice(self) -> _ChosenDeliveries:
        if self.delivery_ids is not None and self._has_filter():
            raise PydanticCustomError("contradiction", "Give either delivery_ids or a filter, not both")
        return self

    def _has_filter(self) -> bool:
        names = {*DeliveryFilter.model_fields, "cursor"}
        return "limit" in self.model_fields_set or any(getattr(self, name) is not None for name in names)


class ReplayRequest(_ChosenDeliveries):
    """Which deliveries to apply again, in the order of their receipt unless ids are given."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"state": "PARKED"}]})


class AdapterTestRequest(_ChosenDeliveries):
    """What to try, and with which adapter. Without payloads, stored deliveries are tried."""

    model_config = ConfigDict(
        **STRICT,
        json_schema_extra={"examples": [{"payloads": [{"type": "film.added", "data": {"title": "Metropolis"}}]}]},
    )
    source_adapter: SourceAdapterConfig | None = Field(
        default=None, description="The adapter to try; null means the one of the bucket"
    )
    payloads: list[Any] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PAYLOADS,
        description="JSON values to try instead of stored deliveries. Cannot be combined with delivery_ids or a filter",
    )

    @model_validator(mode="after")
    def _check_payloads(self) -> AdapterTestRequest:
        if self.payloads is not None and (self.delivery_ids is not None or self._has_filter()):
            raise PydanticCustomError("contradiction", "Give either payloads or stored deliveries, not both")
        return self


class RotateSecretRequest(BaseModel):
    """How to replace the secret of an adapter."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"grace_seconds": 3600}]})
    webhook_secret: str | None = Field(
        default=None, min_length=16, max_length=500, description="The new secret; generated if null"
    )
    grace_seconds: int = Field(
        default=86_400,
        ge=0,
        le=MAX_GRACE_SECONDS,
        description="For how long the current secret remains valid beside the new one",
    )
