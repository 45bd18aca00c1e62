"""What is printed where, and what never is."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mxpc.cli import words
from mxpc.cli.console import Console
from mxpc.cli.progress import BarProgress, LineProgress, shown
from mxpc.cli.session import Session, Style
from mxpc.progress import Task


def console() -> tuple[Console, io.StringIO, io.StringIO]:
    results, messages = io.StringIO(), io.StringIO()
    return Console(results=results, messages=messages), results, messages


def test_secrets_are_blanked_out_plain_and_percent_encoded() -> None:
    printed, results, messages = console()
    printed.hide(['p@ss/w:rd %20 "x'])
    printed.result('cannot connect with p@ss/w:rd %20 "x')
    printed.message("postgresql://u:p%40ss%2Fw%3Ard%20%2520%20%22x@host and p%40ss%2Fw%3Ard+%2520+%22x")
    assert results.getvalue() == "cannot connect with ***\n"
    assert messages.getvalue() == "postgresql://u:***@host and ***\n"


def test_a_terminal_without_unicode_gets_escapes_instead_of_an_error() -> None:
    raw = io.BytesIO()
    printed = Console(results=io.TextIOWrapper(raw, "ascii"))
    printed.result("überblick ✓")
    assert raw.getvalue() == b"\\u00fcberblick \\u2713\n"


def test_what_a_terminal_obeys_is_escaped_except_our_colours() -> None:
    printed, results, messages = console()
    printed.message(Style(on=True).error("error:") + " a\x1b[2Jb\x9bc\x07\r\u202e\td\n  e")
    assert messages.getvalue() == "\x1b[1;31merror:\x1b[0m a\\u001b[2Jb\\u009bc\\u0007\\u000d\\u202e\td\n  e\n"
    printed.result_json({"name": "\x1b[2J\x9b\u202e"})
    assert json.loads(results.getvalue()) == {"name": "\x1b[2J\x9b\u202e"}


def test_progress_without_a_terminal_is_a_line_for_each_task_that_ended() -> None:
    printed, results, messages = console()
    progress = LineProgress(Session(printed))
    progress.started(Task.FETCH_FILES, total_bytes=2000, total_items=2)
    progress.advanced(Task.FETCH_FILES, byte_count=1000, item_count=1)
    progress.advanced(Task.FETCH_FILES, byte_count=1000, item_count=1)
    progress.finished(Task.FETCH_FILES)
    progress.noted("only with -v")
    assert messages.getvalue().startswith("fetching files: 2 files, 2.0 KB")
    assert len(messages.getvalue().splitlines()) == 1
    assert results.getvalue() == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars_and_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    session = Session(Console(results=io.StringIO(), messages=terminal), environ={"NO_COLOR": "1"})
    session.console.hide(["secret word"])
    with shown(session) as progress:
        assert isinstance(progress, BarProgress)
        progress.started(Task.UPLOAD_FILES, total_bytes=2000, total_items=2)
        progress.advanced(Task.UPLOAD_FILES, byte_count=2000, item_count=2)
        progress.warned("a secret word and \x1b[2J are not for terminals")
        progress.finished(Task.UPLOAD_FILES)
    drawn = terminal.getvalue()
    assert "uploading files" in drawn
    assert "2 files, 2.0 KB" in drawn
    assert "warning: a *** and \\u001b[2J are not for terminals" in drawn


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_console_with_few_characters_gets_all_others_escaped(encoding: str) -> None:
    """Consoles of Windows; JSON stays JSON."""
    text = "größer … ✓ \N{GRINNING FACE}"
    results, messages = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="") for _ in range(2))
    printed = Console(results=results, messages=messages)
    printed.result_json({"text": text})
    printed.message(text)
    told = [stream.buffer.getvalue().decode(encoding) for stream in (results, messages)]  # type: ignore[attr-defined]
    assert json.loads(told[0]) == {"text": text}
    assert "\\u2713" in told[1]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["backup", "--help"], ["no such command"], ["verify", "-f", "größer ✓"]]
)
def test_no_character_stops_the_command_on_a_console_with_few(arguments: list[str]) -> None:
    environment = {"PYTHONIOENCODING": "cp437:strict", "PYTHONUTF8": "0", "LC_ALL": "C.UTF-8"}
    words = [sys.executable, "-m", "mxpc", *arguments]
    done = subprocess.run(words, env=environment, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 2)


def test_what_is_removed_from_a_database_is_not_called_files() -> None:
    printed, _, messages = console()
    progress = LineProgress(Session(printed))
    progress.started(Task.REMOVE_OLD)
    progress.advanced(Task.REMOVE_OLD, item_count=28)
    progress.finished(Task.REMOVE_OLD)
    assert messages.getvalue().startswith("removing the old content: 28 objects, done in")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (94_035, "94.0 KB"), (2_400_000_000, "2.4 GB")]
)
def test_sizes_are_read_as_storage_is_sold(number: int, text: str) -> None:
    assert words.size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.84, "0.8 s"), (42, "42 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["backup", "--help"], ["restore", "--help"]])
def test_help_does_not_import_heavy_libraries(arguments: list[str]) -> None:
    program = (
        "import sys; from mxpc.cli.run import run; code = run(sys.argv[1:]);"
        "heavy = {'obstore', 'psycopg', 'lightkube', 'httpx2', 'rich', 'isal', 'yaml'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["restore", "--st"], {"obstore", "psycopg", "rich", "isal", "lightkube", "httpx2", "yaml"}),
        (["restore", "-n", "mendix"], {"obstore", "psycopg", "rich", "isal"}),
    ],
    ids=["options", "namespaces"],
)
def test_completion_does_not_import_heavy_libraries(tmp_path: Path, words: list[str], heavy: set[str]) -> None:
    program = (
        "import sys; from mxpc.cli.completion import answer_kubectl; answer_kubectl(sys.argv[1:]);"
        f"sys.exit(bool({heavy!r} & set(sys.modules)))"
    )
    environment = {"PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program, *words], env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == b":4"
