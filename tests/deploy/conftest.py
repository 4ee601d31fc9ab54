from __future__ import annotations

from typing import Any

import pytest

from tests.support.template import packaged_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The packaged template, generated once."""
    return packaged_template(tmp_path_factory.mktemp("template"))
