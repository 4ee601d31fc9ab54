"""Reads code blocks, headings and links of the Markdown files of the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RUNNABLE = ("bash", "python")
OUTPUT = ("text", "json")
# In a shown output, `…` matches any characters of a line. A line with only `…` matches any number of lines.
ELLIPSIS = "…"

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<language>\S*) *$")
_NOT_RUN = re.compile(r"^ *<!-- not run: (?P<reason>.+) -->$")
_HEADING = re.compile(r"^#{1,6} +(?P<title>.+?) *#*$")
_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^()\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced code block. `reason` is the reason why it is not run, or an empty string."""

    line: int
    language: str
    text: str
    reason: str


@dataclass(frozen=True)
class Step:
    """A block that is run, and the output that the page shows for it, or None if the page shows no output."""

    block: Block
    output: str | None


def pages() -> list[Path]:
    """Returns all Markdown files of the repository."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def name_of(page: Path) -> str:
    """Returns the path of a page, relative to the root of the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Returns the fenced code blocks of a page, in order."""
    return list(_blocks(page.read_text().splitlines()))


def prose(page: Path) -> list[str]:
    """Returns the lines of a page outside its code blocks."""
    kept, end = [], ""
    for line in page.read_text().splitlines():
        fence = _FENCE.match(line)
        if end:
            end = "" if line.strip() == end else end
        elif fence:
            end = fence["ticks"]
        else:
            kept.append(line)
    return kept


def steps(page: Path) -> list[Step]:
    """Returns the blocks of a page that are run. Raises AssertionError for an unmarked block that is not an output."""
    found: list[Step] = []
    latest: Block | None = None
    for block in blocks(page):
        where = f"{name_of(page)}:{block.line}"
        if block.reason:
            latest = None
        elif block.language in RUNNABLE:
            found.append(Step(block, None))
            latest = block
        else:
            assert block.language in OUTPUT, f"{where}: a {block.language} block needs <!-- not run: reason -->"
            assert latest is not None, f"{where}: this output does not follow a block that is run"
            found[-1] = Step(latest, block.text)
            latest = None
    return found


def matches(shown: str, real: str) -> bool:
    """Returns whether the real output matches the output that a page shows."""
    return re.fullmatch(_pattern(shown), _trimmed(real)) is not None


def anchors(page: Path) -> set[str]:
    """Returns the anchors of a page's headings, as GitHub generates them."""
    made: dict[str, int] = {}
    found = set()
    for line in prose(page):
        if heading := _HEADING.match(line):
            title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading["title"])
            anchor = re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()).strip().replace(" ", "-")
            count = made.get(anchor, 0)
            made[anchor] = count + 1
            found.add(f"{anchor}-{count}" if count else anchor)
    return found


def links(page: Path) -> list[str]:
    """Returns the targets of the links of a page."""
    return [link["target"] for line in prose(page) for link in _LINK.finditer(re.sub(r"`[^`]*`", "``", line))]


def _blocks(lines: list[str]) -> Iterator[Block]:
    reason, opening, begun, content = "", None, 0, list[str]()
    for number, line in enumerate(lines, 1):
        if opening:
            if line.strip() == opening["ticks"]:
                text = "".join(f"{each[len(opening['indent']) :]}\n" for each in content)
                yield Block(begun, opening["language"], text, reason)
                reason, opening = "", None
            else:
                content.append(line)
        elif opening := _FENCE.match(line):
            begun, content = number, []
        elif marked := _NOT_RUN.match(line):
            reason = marked["reason"]
        elif line.strip():
            reason = ""
    assert not opening, f"line {begun}: this block does not end"


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def _pattern(shown: str) -> str:
    parts = []
    for line in _trimmed(shown).splitlines():
        if line.strip() == ELLIPSIS:
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append("[^\n]*?".join(map(re.escape, line.split(ELLIPSIS))) + r"\n")
    return "".join(parts).removesuffix(r"\n") + r"\n?"
