"""The command lines in the documents' shell blocks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"],
    key=lambda page: page.relative_to(ROOT),
)
_BLOCK = re.compile(r"^ *```(?:shell|sh|bash|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class CommandLine:
    """One line as it is typed, with the lines that continue it, without the comment behind it."""

    page: Path
    text: str

    @property
    def words(self) -> list[str]:
        """As a shell divides it."""
        return shlex.split(self.text)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text}"


def command_lines(page: Path) -> Iterator[CommandLine]:
    """In their order on the page."""
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            text = re.sub(r"\s+#\s.*$", "", re.sub(r"\s+", " ", line).strip())
            if text and not text.startswith("#"):
                yield CommandLine(page, text)
