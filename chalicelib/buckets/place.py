"""The place of a bucket, as the packages of its contents name it."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib import keys
from chalicelib.http.operation import Call


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """A bucket: its namespace, and its id or name."""

    organization: str
    namespace_id: str
    identifier: str

    @property
    def partition(self) -> str:
        """The partition of the namespace."""
        return keys.partition(self.organization, self.namespace_id)


def place_of(call: Call) -> BucketPlace:
    """Returns the bucket in the path of a request."""
    return BucketPlace(call.organization_id, call.namespace_id, call.path["bucket_identifier"])
