"""Imports the official SDK, unmodified, in half the time.

Its 600 methods build their validators at import, which takes as long as the rest of the import. Here each method builds
them when it is called for the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pydantic

_validate_call: Any = pydantic.validate_call


def _deferred(method: Callable[..., Any]) -> Callable[..., Any]:
    validated: Callable[..., Any] = _validate_call(method, config={"defer_build": True})
    return validated


with patch.object(pydantic, "validate_call", _deferred):
    import mixpeek
    import mixpeek.api

__all__ = ["mixpeek"]
