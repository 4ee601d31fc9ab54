"""Hooks that end or hang, for tests that run them in a process of their own."""

from __future__ import annotations

import os
import time

from chalicelib.processing.hook import Item


def exits(item: Item) -> None:
    """Ends its process with the 37th object."""
    if item.fields["number"] == 37:
        os._exit(9)


def never_returns(item: Item) -> None:
    """Does not return for the 37th object."""
    while item.fields["number"] == 37:
        time.sleep(3600)
