"""`make nightly` runs every test of which `make test` runs only a part."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_make_nightly_runs_every_test_that_make_test_shortens() -> None:
    (command,) = re.findall(
        r"^\tHYPOTHESIS_PROFILE=nightly \$\(PYTEST\)((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(), re.M
    )
    complete = [ROOT / path for path in command.replace("\\\n", " ").split()]
    assert all(path.exists() for path in complete)
    shortened = [
        path
        for path in (ROOT / "tests").rglob("test_*.py")
        if "\nfrom tests.support.nightly import" in path.read_text()
    ]
    assert len(shortened) > 3
    assert [path for path in shortened if not any(path.is_relative_to(each) for each in complete)] == []
