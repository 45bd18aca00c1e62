"""The README quotes what the benchmarks wrote, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUOTED = {
    "a database of 2.4 GB: backup ÷ `pg_dump -Fc -Z0 > /dev/null`": "backup ÷ `pg_dump -Fc -Z0 > /dev/null`",
    "10,000 files, 450 MB: the script ÷ backup": "obvious script ÷ backup, files",
    "5,000 files, 20 ms more for each request: the script ÷ backup": "obvious script ÷ backup, files with 20 ms",
}
"""Lines of the README's table, and the targets of RESULTS.md that they stand for."""


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each line of a Markdown table."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def measured() -> dict[str, str]:
    """What RESULTS.md says of each target."""
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    return {row[0]: row[2] for row in rows(text.partition("## Targets")[2].partition("## ")[0])}


def test_figures_of_the_readme_are_those_of_the_last_run() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Speed")[2].partition("\n## ")[0]
    quoted = {row[0]: row[1] for row in rows(section) if re.match(r"[\d.]+$", row[-1])}
    assert quoted == {line: measured()[target] for line, target in QUOTED.items()}
    peaks = [int(value.removesuffix(" MB")) for name, value in measured().items() if name.endswith("peak memory")]
    assert f"in at most {max(peaks)} MB of memory" in section


def test_what_does_not_depend_on_times_is_as_promised() -> None:
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert "**Not as promised**" not in text
    bounds = {name: value for name, value in measured().items() if "memory" in name or "disk" in name}
    assert len(bounds) > 10
