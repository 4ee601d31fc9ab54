"""The folder `vendor` of the project: as in a Lambda function, packages in it can be imported."""

from __future__ import annotations

import sys
from pathlib import Path


def add_vendor(project: Path) -> None:
    """Adds the folder `vendor` of the project, if it exists, to the end of the path of imports."""
    vendor = project / "vendor"
    if vendor.is_dir() and str(vendor) not in sys.path:
        sys.path.append(str(vendor))
