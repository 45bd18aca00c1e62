"""The messages that docs/troubleshooting.md has paragraphs for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from documents.messages import VARIABLE, Message

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
_SECTION = re.compile(r"## Exit codes? (\d+)")
_LISTED = re.compile(r"- (`+) ?(.+?) ?\1")


@dataclass(frozen=True)
class Listed:
    """A message as the page lists it: `…` stands for anything, so that one line may stand for several messages."""

    text: str
    exit_code: int
    paragraph: str
    """What follows the list that it is in."""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(".*".join(re.escape(part) for part in self.text.split(VARIABLE)), re.DOTALL)

    def covers(self, message: Message) -> bool:
        """Whether who meets the message finds this line."""
        return self.exit_code == message.exit_code and bool(self._pattern.fullmatch(message.text))

    @property
    def words(self) -> int:
        """How many it has that do not vary."""
        return len(re.findall(r"[A-Za-z]{2,}", self.text))


def listed_messages(page: str) -> Iterator[Listed]:
    """Every message of the page, with the exit code of its section."""
    exit_code = 0
    for block in re.split(r"\n{2,}", page):
        if section := _SECTION.match(block):
            exit_code = int(section[1])
        for found in filter(None, map(_LISTED.fullmatch, block.splitlines())):
            yield Listed(found[2], exit_code, _after(page, block))


def _after(page: str, block: str) -> str:
    return page.partition(f"{block}\n\n")[2].partition("\n\n")[0]
