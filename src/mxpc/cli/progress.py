"""Drawing what the core reports: bars on a terminal, a line now and then elsewhere, nothing with -q."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from mxpc.cli import words
from mxpc.cli.session import Session
from mxpc.progress import Task

REDRAW_EVERY = 0.1
"""Seconds between two changes of a bar: the terminal is not drawn more often."""
LINE_EVERY = 10.0
"""Seconds between two lines of one task where there is no terminal: a long job stays visible, a log stays short."""


class ShownProgress(Protocol):
    """A Progress that is drawn while its context lasts, and remembers the warnings."""

    warnings: list[str]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def started(self, task: Task, *, total_bytes: int | None = None, total_items: int | None = None) -> None: ...

    def advanced(self, task: Task, *, byte_count: int = 0, item_count: int = 0) -> None: ...

    def finished(self, task: Task) -> None: ...

    def warned(self, text: str) -> None: ...

    def noted(self, text: str) -> None: ...

    def passed_on(self, text: str) -> None:
        """A line that another run of this tool has said."""


def shown(session: Session) -> ShownProgress:
    """Bars, lines or silence: whatever fits."""
    if session.quiet:
        return QuietProgress(session)
    if session.console.messages.isatty():
        return BarProgress(session)
    return LineProgress(session)


class QuietProgress:
    """Prints warnings, and notes with -v; the base of the others."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.warnings: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def started(self, task: Task, *, total_bytes: int | None = None, total_items: int | None = None) -> None: ...

    def advanced(self, task: Task, *, byte_count: int = 0, item_count: int = 0) -> None: ...

    def finished(self, task: Task) -> None: ...

    def warned(self, text: str) -> None:
        self.warnings.append(text)
        self._print(f"{self._session.style.warning('warning:')} {text}")

    def noted(self, text: str) -> None:
        if self._session.verbose:
            self._print(f"note: {text}")

    def passed_on(self, text: str) -> None:
        self._print(text)

    def _print(self, text: str) -> None:
        self._session.console.message(text)


@dataclass
class _Running:
    total_bytes: int | None
    total_items: int | None
    begun: float = field(default_factory=time.monotonic)
    shown_at: float = field(default_factory=time.monotonic)
    byte_count: int = 0
    item_count: int = 0


class LineProgress(QuietProgress):
    """A line when a task begins to take long, every few seconds, and at its end."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._running: dict[Task, _Running] = {}
        self._lock = threading.Lock()

    def started(self, task: Task, *, total_bytes: int | None = None, total_items: int | None = None) -> None:
        with self._lock:
            self._running[task] = _Running(total_bytes, total_items)

    def advanced(self, task: Task, *, byte_count: int = 0, item_count: int = 0) -> None:
        with self._lock:
            running = self._running.get(task)
            if running is None:
                return
            running.byte_count += byte_count
            running.item_count += item_count
            now = time.monotonic()
            due = now - running.shown_at >= LINE_EVERY
            if due:
                running.shown_at = now
        if due:
            self._print(_line(task, running))

    def finished(self, task: Task) -> None:
        with self._lock:
            running = self._running.pop(task, None)
        if running:
            self._print(_line(task, running, done=True))


def _line(task: Task, running: _Running, *, done: bool = False) -> str:
    return f"{words.TASK_WORDS[task]}: {_amounts(task, running, done=done)}"


def _amounts(task: Task, running: _Running, *, done: bool = False) -> str:
    """`161 of 306 files, 19.9 MB of 45.4 MB, 24.2 MB/s, about 1.1 s left`, as far as it is known."""
    seconds = time.monotonic() - running.begun
    parts = []
    if running.item_count:
        total = running.total_items
        parts.append(
            f"{running.item_count:,} of {words.items(task, total)}"
            if total and not done
            else words.items(task, running.item_count)
        )
    if running.byte_count:
        of = f" of {words.size(running.total_bytes)}" if running.total_bytes and not done else ""
        parts.append(f"{words.size(running.byte_count)}{of}, {words.size(running.byte_count / max(seconds, 1e-3))}/s")
    if done:
        parts.append(f"done in {words.duration(seconds)}")
    elif running.total_bytes and running.byte_count:
        left = seconds * max(running.total_bytes - running.byte_count, 0) / running.byte_count
        parts.append(f"about {words.duration(left)} left")
    return ", ".join(parts)


class BarProgress(QuietProgress):
    """A bar for each task, with the same words behind it as a line has."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._bars = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[amounts]}"),
            console=Console(file=session.console.messages, no_color=not session.style.on),
        )
        self._running: dict[Task, tuple[Any, _Running]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def started(self, task: Task, *, total_bytes: int | None = None, total_items: int | None = None) -> None:
        bar = self._bars.add_task(words.TASK_WORDS[task], total=total_bytes, amounts="")
        self._running[task] = bar, _Running(total_bytes, total_items)

    def advanced(self, task: Task, *, byte_count: int = 0, item_count: int = 0) -> None:
        if task not in self._running:
            return
        bar, running = self._running[task]
        with self._lock:
            running.byte_count += byte_count
            running.item_count += item_count
            now = time.monotonic()
            due = now - running.shown_at >= REDRAW_EVERY
            if due:
                running.shown_at = now
        if due:
            self._bars.update(bar, completed=running.byte_count, amounts=_amounts(task, running))

    def finished(self, task: Task) -> None:
        if task in self._running:
            bar, running = self._running.pop(task)
            self._bars.update(bar, total=1, completed=1, amounts=_amounts(task, running, done=True))

    def _print(self, text: str) -> None:
        self._bars.console.print(self._session.console.harmless(text), markup=False, highlight=False, soft_wrap=True)
