"""Modules that are imported when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """Stands for a module, and imports it when one of its names is first used.

    Importing pydantic and building models is most of a cold start, and most requests need few models. Files that
    name models declare the module twice, so that the type checker sees the module itself:

        if TYPE_CHECKING:
            from chalicelib.buckets import models
        else:
            models = LazyModule("chalicelib.buckets.models")
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)
