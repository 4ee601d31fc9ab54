"""The links of the architecture page lead to files that define the linked names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.docs.markdown import DOCS, ROOT

PAGE = DOCS / "architecture.md"
# A link whose text is a name in code, such as [`show`](../chalicelib/buckets/bucket.py).
LINK = re.compile(r"\[`(?P<name>\w+)`\]\((?P<target>[\w./-]+\.py)\)")
FILE = re.compile(r"`((?:chalicelib|tests|deployment|bench)/[\w./-]+|\.chalice/[\w./-]*|app\.py)`")


def defined(path: Path) -> set[str]:
    """Returns the functions, classes, methods and constants that a file defines."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_every_linked_name_is_defined_in_the_linked_file() -> None:
    links = LINK.findall(PAGE.read_text())
    assert links
    assert [(name, target) for name, target in links if name not in defined(PAGE.parent / target)] == []


def test_every_row_of_the_table_of_fields_leads_to_code() -> None:
    section = PAGE.read_text().partition("## Where a field")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert {"storage_class", "unique_key", "batch_stats"} <= {row.split("`")[1] for row in rows}
    assert [row for row in rows if not LINK.search(row)] == []


def test_every_named_file_exists() -> None:
    named = FILE.findall(PAGE.read_text())
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
