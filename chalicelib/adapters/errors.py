"""Why a payload cannot become an object."""

from __future__ import annotations


class Unmappable(Exception):
    """The payload of a delivery cannot become an object. `reason` is a text for the client and needs no escaping.

    The reason names the path and the kind of value, and quotes at most 100 characters of a value.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
