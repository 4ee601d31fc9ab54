"""Every relative link in the documentation has an existing target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, anchors, links, name_of, pages

EXTERNAL = ("https://", "http://", "mailto:")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_relative_link_and_anchor_resolves(page: Path) -> None:
    assert broken(page) == []


def broken(page: Path) -> list[str]:
    """Returns the links of a page whose file or heading does not exist."""
    found = []
    for target in links(page):
        if target.startswith(EXTERNAL):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and (file.suffix != ".md" or anchor not in anchors(file))):
            found.append(target)
    return found


def test_every_page_of_the_documentation_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in pages()
        for target in links(page)
        if not target.startswith(EXTERNAL)
    }
    assert [name_of(page) for page in pages() if page not in linked and page != ROOT / "README.md"] == []


def test_broken_links_are_reported(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# A `title`, and more\n## Twice\n## Twice\n")
    page = tmp_path / "page.md"
    good = "[a](other.md) [b](other.md#a-title-and-more) [c](other.md#twice-1) [d](https://example.com/x) [e](#here)"
    page.write_text(f"# Here\n{good} [f](none.md) [g](other.md#none) [h](#there) `[i](code.md)`\n```\n[j](k.md)\n```\n")
    assert broken(page) == ["none.md", "other.md#none", "#there"]
