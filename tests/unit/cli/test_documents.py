"""What the documents say of the command line is what the command line says of itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mxpc.cli.app import COMMANDS, EXIT_CODES, app
from mxpc.cli.jump_pod import JUMP_POD_COMMANDS
from mxpc.cli.session import Session

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PROGRAM = "mxpc-backup-restore-cli"
CONTRACT = {
    "backup": "-n -e -f --only --jobs --transfers --files --strict --for --compression-level --dump-compression",
    "restore": "-n -e -f --only --jobs --transfers --dry-run --undo --allow-running --allow-other-app --prune-files "
    "--stop-app --stop-timeout",
    "verify": "-f",
    "inspect": "-f",
    "files": "-n -e --orphans --missing --delete-orphans --yes",
    "credentials": "-n -e --to",
    "completion": "",
    "jump-pod": "",
    "demo": "--keep",
}
JUMP_POD = "--image --service-account --node-selector --resources"
JUMP_POD_CONTRACT = {
    "backup": f"-n -e -f {JUMP_POD} --keep --tool --spool --only --files --strict",
    "restore": f"-n -e -f {JUMP_POD} --keep --tool --spool --only --dry-run --undo --allow-running",
    "manifest": f"-n -e -f {JUMP_POD}",
    "cronjob": f"-n -e -f {JUMP_POD} --schedule --claim --history --retain",
}
FOREIGN = {"environments.md": {"--format"}, "image.md": {"--secret"}}
"""Options of other programs, by the document that names them."""
EVERYWHERE = (
    "--kubeconfig --context -o -q -v --version --help --credentials-dir --database-secret --storage-secret "
    "--db-sslmode --db-sslrootcert --storage-ca-file --storage-insecure"
)


def command(name: str) -> click.Command:
    """The command of this name; `jump-pod backup` is one of a group."""
    found: click.Command = app
    for word in name.split():
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner is not None
        found = inner
    return found


def called(words: list[str]) -> str:
    """The name of the command that these words call."""
    return " ".join(words[: 2 if words[0] == "jump-pod" else 1])


def options_of(name: str) -> set[str]:
    context = click.Context(command(name), help_option_names=["-h", "--help"])
    return {option for parameter in command(name).get_params(context) for option in parameter.opts}


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every command line of the tool in a shell block, with the name of its document."""
    for document in DOCUMENTS:
        for block in re.findall(r"```(?:shell|sh|bash|console)\n(.*?)```", document.read_text(), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"\s[|>&;]+\s", line):
                    words = shlex.split(part.removeprefix("$ "), comments=True)
                    if words and words[0] == PROGRAM:
                        yield document.name, words[1:]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_the_options_of_the_contract(name: str) -> None:
    everywhere = set(EVERYWHERE.split())
    wanted = everywhere if name != "jump-pod" else {"--help"}
    assert wanted | set(CONTRACT[name].split()) <= options_of(name)


@pytest.mark.parametrize("name", JUMP_POD_COMMANDS)
def test_each_command_of_jump_pod_has_the_options_of_the_contract(name: str) -> None:
    assert set(EVERYWHERE.split()) | set(JUMP_POD_CONTRACT[name].split()) <= options_of(f"jump-pod {name}")


@pytest.mark.parametrize(("document", "words"), list(command_lines()))
def test_command_lines_in_the_documents_are_understood(document: str, words: list[str]) -> None:
    assert words, document
    if words[0].startswith("-"):
        assert words[0] in {"--help", "--version", "-h"}
        return
    name = called(words)
    rest = words[len(name.split()) :]
    context = click.Context(command(name), obj=Session.__new__(Session), resilient_parsing=True)
    command(name).parse_args(context, list(rest))
    unknown = {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)} - options_of(name)
    assert not unknown, document


@pytest.mark.parametrize(
    "document", [one for one in DOCUMENTS if one.parent.name != "decisions"], ids=lambda one: one.name
)
def test_options_in_the_text_exist(document: Path) -> None:
    """Decisions are of their time, and may speak of what was not taken."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    named = {
        option for code in re.findall(r"`([^`]+)`", text) for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)
    }
    ours = [options_of(name) for name in (*COMMANDS, *(f"jump-pod {one}" for one in JUMP_POD_COMMANDS))]
    assert named - FOREIGN.get(document.name, set()) - set().union(*ours) == set()


def test_the_documents_show_command_lines_at_all() -> None:
    assert len(list(command_lines())) >= 5


def test_the_readme_lists_the_exit_codes_of_the_help() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    in_readme = {code: meaning for codes, meaning in rows for code in codes.split(", ")}
    in_help = re.findall(r"^  (\d+)\s+((?:.|\n(?!  \d))+)", EXIT_CODES, re.MULTILINE)
    assert {code for code, _ in in_help} == set(in_readme)
    for code, meaning in in_help:
        if code not in {"130", "143"}:
            assert " ".join(meaning.split()) == in_readme[code].replace("`", "")
