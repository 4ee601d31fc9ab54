"""Errors raised by the deliveries package."""

from __future__ import annotations

from chalicelib.core.errors import BadRequest, NotFound, Unauthenticated, Unavailable
from chalicelib.deliveries.delivery import Delivery


class AdapterNotFound(NotFound):
    """There is no bucket with this id that has a source adapter of this type."""

    message = "No source adapter of this type receives webhooks for a bucket with this id"
    code = "adapter_not_found"


class SignatureRefused(Unauthenticated):
    """The request has no valid signature, or was signed more than five minutes ago."""

    code = "signature_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The signature of the webhook is not valid: {reason}", details={"reason": reason})


class AdapterMissing(BadRequest):
    """The bucket has no source adapter, or one that receives no webhooks."""

    message = "The bucket has no source adapter that receives webhooks"
    code = "adapter_missing"


class RefreshNotSupported(BadRequest):
    """The bucket has no enabled source adapter of type `bucket`."""

    message = "Only an enabled source adapter of type bucket can be refreshed"
    code = "refresh_not_supported"


class DeliveryNotFound(NotFound):
    """There is no delivery with this id."""

    message = "Delivery not found"

    def __init__(self, identifier: str) -> None:
        super().__init__(details={"resource": "delivery", "id": identifier})


class DeliveryRepeated(Unavailable):
    """A delivery with the same id has been stored before. The receiver handles it, and clients never see it."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__()
        self.delivery = delivery


class DeliveryChanged(Unavailable):
    """The delivery has changed since it was read. A replay reads it again, and clients never see this error.

    It is no VersionConflict, because the write of an object takes that for a conflict about the object, and would try
    again with the same state of the delivery.
    """
