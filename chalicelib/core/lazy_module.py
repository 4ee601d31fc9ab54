"""Imports a module when one of its names is first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """A placeholder for a module. The first access to an attribute imports the module.

    Importing pydantic and building the models takes most of the time of a cold start, and most requests need few
    models. Files that use models declare the module twice, so that the type checker sees the real module:

        if TYPE_CHECKING:
            from chalicelib.buckets import models
        else:
            models = LazyModule("chalicelib.buckets.models")
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._name), name)
        # Python calls this method only for attributes that the instance does not have.
        self.__dict__[name] = value
        return value
