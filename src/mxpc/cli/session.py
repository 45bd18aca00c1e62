"""What one invocation shares: where it prints, how much it says, and in which form."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from mxpc.cli.console import Console
from mxpc.cli.signals import Interruptions


@dataclass(frozen=True)
class Style:
    """Colours, or none. https://no-color.org: any non-empty NO_COLOR turns them off."""

    on: bool = False

    def error(self, text: str) -> str:
        return self._paint(text, "1;31")

    def warning(self, text: str) -> str:
        return self._paint(text, "1;33")

    def hint(self, text: str) -> str:
        return self._paint(text, "1;36")

    def good(self, text: str) -> str:
        return self._paint(text, "1;32")

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text

    @staticmethod
    def for_stream(stream: IO[str], env: Mapping[str, str]) -> Style:
        """Colours on a terminal that wants them."""
        return Style(stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb")


@dataclass
class Session:
    """Made by `run`, filled by the common options of the command."""

    console: Console
    quiet: bool = False
    verbose: bool = False
    as_json: bool = False
    interruptions: Interruptions | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def style(self) -> Style:
        """For messages."""
        return Style.for_stream(self.console.messages, self.environ)

    def results_to_stderr(self) -> None:
        """Standard output carries an archive."""
        self.console.results = sys.stderr
