"""Writes the merge template: `python -m deployment.merge_template build/merge-template.json`."""

from __future__ import annotations

import sys
from pathlib import Path

from deployment.merge_template.template import write_merge_template

if __name__ == "__main__":
    write_merge_template(Path(sys.argv[1]))
