"""Links in the documents lead to files and headings that are there, and every page can be reached."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("docs", "docs/decisions", "benchmarks")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).glob("*.md"))])


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """File and heading of each link that stays within the project."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in link:
            file, _, heading = link.partition("#")
            yield Path(os.path.normpath(page.parent / file)) if file else page, heading


def headings(page: Path) -> set[str]:
    """As forges make names of them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    dead = [str(file) for file, _ in links(page) if not file.exists()]
    assert dead == []
    lost = [f"{file.name}#{heading}" for file, heading in links(page) if heading and heading not in headings(file)]
    assert lost == []


def test_each_page_is_linked_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {file for file, _ in links(index)}
    assert {page for page in (ROOT / "docs").glob("*.md") if page not in linked} == {index}
