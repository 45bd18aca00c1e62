"""What goes where: results, progress, notes, colours, JSON, and help that is quick."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.environment import LiveEnvironment
from e2e.sample import Restorable
from surroundings import COMMAND, clean_environment

COMMANDS = ("backup", "restore", "verify", "inspect", "demo")
DOCUMENT = Path(__file__).parents[2] / "docs" / "json.md"
HEAVY = ("obstore", "psycopg", "lightkube", "rich", "httpx2", "yaml", "isal")


def documented(section: str) -> set[str]:
    """The fields' first names in one section of docs/json.md."""
    text = DOCUMENT.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.M)
    return {field.split(".")[0] for row in rows for field in re.findall(r"`([\w.]+)`", row)}


def test_json_of_a_backup_has_the_documented_fields(untouchable: LiveEnvironment) -> None:
    path = untouchable.home / "fields.tar.gz"
    value = untouchable.run("backup", "-f", path, "-o", "json").expect(0).json()
    assert set(value) == documented("`backup`")
    assert value["environment"] == {"namespace": "mendix-apps", "name": untouchable.name}
    assert (value["app_name"], value["model_version"], value["file_count"]) == ("SampleApp", "1.0.0.40", 6)
    assert value["archive_size"] == path.stat().st_size


def test_json_of_a_backup_to_standard_output_goes_to_standard_error(untouchable: LiveEnvironment) -> None:
    ended = untouchable.run("backup", "-f", "-", "-o", "json", "-q").expect(0)
    assert json.loads(ended.err[ended.err.index("{") :])["file"] == "-"


def test_json_of_a_restore_has_the_documented_fields(restorable: Restorable, sample_archive: Path) -> None:
    value = restorable.environment.run("restore", "-f", sample_archive, "-o", "json").expect(0).json()
    assert set(value) == documented("`restore`")


@pytest.mark.parametrize("command", ["verify", "inspect"])
def test_json_of_verify_and_inspect_has_the_documented_fields(
    untouchable: LiveEnvironment, sample_archive: Path, command: str
) -> None:
    value = untouchable.run(command, "-f", sample_archive, "-o", "json").expect(0).json()
    status = {"status"} if command == "verify" else set()
    assert set(value) - status == documented("`verify` and `inspect`") - {"status"}
    assert value["blob_count"] == 6
    assert value["dump"]["app_name"] == "SampleApp"
    assert set(value["metadata"]) == {"duration", "dumpSize", "modelVersion", "databaseSize", "filesSize"}


def test_json_of_a_failure_has_the_documented_fields(untouchable: LiveEnvironment) -> None:
    ended = untouchable.run("backup", "-n", "mendix-apps", "-e", "nobody", "-f", untouchable.home / "x", "-o", "json")
    value = ended.expect(2).json()
    assert set(value) == documented("Every failure")
    assert (value["status"], value["exit_code"], value["error"]["kind"]) == ("failed", 2, "RequestError")
    assert set(value["error"]) == {"kind", "what", "evidence", "hint"}


def test_progress_and_warnings_go_to_standard_error_and_the_result_to_standard_output(
    untouchable: LiveEnvironment,
) -> None:
    path = untouchable.home / "streams.tar.gz"
    ended = untouchable.run("backup", "-f", path).expect(0, "dumping the database", "fetching files", "warning:")
    for word in (untouchable.name, "SampleApp", "1.0.0.40", "6 files", str(path)):
        assert word in ended.out
    assert "warning" not in ended.out


def test_quiet_backup_says_only_its_warnings(untouchable: LiveEnvironment) -> None:
    ended = untouchable.run("backup", "-f", untouchable.home / "quiet.tar.gz", "-q").expect(0, "lost.docx")
    assert ended.out == ""
    assert "dumping" not in ended.err


def test_verbose_backup_says_which_rules_were_used(untouchable: LiveEnvironment) -> None:
    ended = untouchable.run("backup", "-f", untouchable.home / "verbose.tar.gz", "-v").expect(0)
    for word in (
        untouchable.kubernetes.url,
        f"{untouchable.name}-database",
        "sslmode",
        "pg_dump",
        "blobs are",
        "region",
    ):
        assert word in ended.err
    assert "note:" not in untouchable.run("backup", "-f", untouchable.home / "verbose.tar.gz").err


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}], ids=["colours", "NO_COLOR"])
def test_colours_on_a_terminal_only_and_not_with_no_color(
    untouchable: LiveEnvironment, variables: dict[str, str]
) -> None:
    """A terminal as standard error; elsewhere there is never an escape sequence (see the last line)."""
    ours, theirs = pty.openpty()
    words = [str(COMMAND), "verify", "-f", "/nonexistent"]
    environment = untouchable.environment(TERM="xterm", **variables)
    process = subprocess.Popen(words, env=environment, stderr=theirs, stdin=subprocess.DEVNULL)
    process.wait(60)
    os.close(theirs)
    shown = os.read(ours, 10_000)
    os.close(ours)
    assert b"error:" in shown
    colours = re.findall(rb"\x1b\[[\d;]*m", shown)
    assert bool(colours) is not bool(variables)
    assert "\x1b" not in untouchable.run("verify", "-f", "/nonexistent").err


@pytest.mark.parametrize("command", [(), *((one,) for one in COMMANDS)], ids=lambda one: " ".join(one) or "overview")
def test_help_explains_the_exit_codes_and_loads_nothing_heavy(tmp_path: Path, command: tuple[str, ...]) -> None:
    environment = clean_environment(tmp_path)
    shown = subprocess.run([COMMAND, *command, "--help"], env=environment, capture_output=True, text=True, check=True)
    assert "143" in shown.stdout
    assert "half-way" in shown.stdout or "restore is not finished" in shown.stdout
    # The console script does no more than this.
    script = f"import sys; from mxpc.cli import main; sys.argv[1:] = {[*command, '--help']!r}; main()"
    script += f"; print('loaded', [one for one in {HEAVY!r} if one in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert loaded.stdout.splitlines()[-1] == "loaded []"


def test_version_is_told(tmp_path: Path) -> None:
    words = [str(COMMAND), "--version"]
    shown = subprocess.run(words, env=clean_environment(tmp_path), capture_output=True, text=True, check=True)
    assert re.fullmatch(r"mxpc-backup-restore-cli \d+\.\d+\.\d+\S*\n", shown.stdout)
