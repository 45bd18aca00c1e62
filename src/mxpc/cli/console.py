"""The only place that writes to the terminal. Known secrets never get through it."""

from __future__ import annotations

import codecs
import io
import json
import re
import sys
import threading
from collections.abc import Iterable
from typing import IO, Any
from urllib.parse import quote, quote_plus

_OBEYED = re.compile(
    r"\x1b(?!\[[0-9;]{0,8}m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""What a terminal obeys, new lines, tabs and our colours apart: names in a backup and words of a server may have it."""
SHORTEST_SECRET = 4
"""A shorter value would blank out innocent text, and protects nothing."""


def _escape(error: UnicodeError) -> tuple[str, int]:
    """What a stream cannot encode, as JSON writes it: so that JSON stays JSON on every console."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error("mxpc.escape", _escape)


def _lenient(stream: IO[str]) -> IO[str]:
    """The stream, which no character stops from now on: a console of Windows may know 256 of them."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="mxpc.escape")
    return stream


class Console:
    """Results go to standard output, everything else to standard error; any thread may write."""

    def __init__(self, *, results: IO[str] | None = None, messages: IO[str] | None = None) -> None:
        self.results = _lenient(results or sys.stdout)
        self.messages = _lenient(messages or sys.stderr)
        self._secrets: list[str] = []
        self._lock = threading.RLock()

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on these values, plain and percent-encoded, are printed as ***."""
        values = {form for one in secrets for form in (one, quote(one, safe=""), quote(one), quote_plus(one))}
        known = {*self._secrets, *(one for one in values if len(one) >= SHORTEST_SECRET)}
        self._secrets = sorted(known, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def harmless(self, text: str) -> str:
        """The text without secrets, and without anything that a terminal would obey."""
        return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", self.redact(text))

    def result(self, text: str) -> None:
        """A line or more of the result."""
        self._print(self.results, text)

    def result_json(self, value: Any) -> None:
        """The result as one JSON object."""
        self._print(self.results, json.dumps(value, indent=2, ensure_ascii=False, default=str))

    def message(self, text: str) -> None:
        """Progress, a warning or an error."""
        self._print(self.messages, text)

    def _print(self, stream: IO[str], text: str) -> None:
        harmless = self.harmless(text)
        with self._lock:
            try:
                print(harmless, file=stream, flush=True)
            except OSError:
                return  # nobody reads it any more: no reason to fail a backup
