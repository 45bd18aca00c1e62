"""The man page has every command and option, and every roff can show it; every option offers what it can."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mxpc.cli.app import EXIT_CODES, app
from mxpc.cli.manual import main, manual


def commands(group: click.Group = app, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """All that are shown, by their names."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield " ".join([*path, name]), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def shown_options() -> list[tuple[str, click.Option]]:
    return [
        (name, option)
        for name, command in commands()
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as a file."""
    folder = tmp_path_factory.mktemp("share")
    main(folder)
    return folder / "man" / "man1" / "mxpc-backup-restore-cli.1"


def rendered(page: Path, *command: str) -> str:
    """As a terminal shows it, without emphasis and line breaks."""
    if not shutil.which(command[0]):
        pytest.skip(f"there is no {command[0]}")
    done = subprocess.run([*command, page], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    plain = done.stdout
    while "\b" in plain:
        at = plain.index("\b")
        plain = plain[: at - 1] + plain[at + 1 :]
    return " ".join(plain.replace("\u2010\n", "").replace("\u2010", "-").split())


GROFF = ("groff", "-man", "-Tutf8", "-ww", "-b", "-P-c", "-rHY=0")
MANDOC = ("mandoc", "-Tutf8", "-W", "error")


@pytest.mark.parametrize("command", [GROFF, MANDOC], ids=["groff", "mandoc"])
def test_every_command_option_and_exit_code_is_shown_without_a_warning(page: Path, command: tuple[str, ...]) -> None:
    text = rendered(page, *command)
    for name, option in shown_options():
        assert ", ".join(option.opts) in text, name
    for name, _ in commands():
        assert f" {name} " in text
    assert "the restore is not finished: the message says how to finish" in text
    assert "130" in EXIT_CODES
    assert "130 interrupted (SIGINT)" in text


def test_common_options_are_described_once() -> None:
    assert manual().count("\n\\fB\\-\\-kubeconfig\\fR") == 1


def test_nothing_in_it_depends_on_when_and_where_it_is_made() -> None:
    assert manual() == manual()
    assert manual().isascii()


def test_scripts_for_shells_lie_where_packages_put_them(page: Path) -> None:
    share = page.parents[2]
    bash = share / "bash-completion" / "completions" / "mxpc-backup-restore-cli"
    assert subprocess.run(["bash", "-n", bash], check=False).returncode == 0
    assert (share / "zsh/site-functions/_mxpc-backup-restore-cli").read_text().startswith("#compdef mxpc-backup")
    assert (share / "fish/vendor_completions.d/mxpc-backup-restore-cli.fish").exists()


@pytest.mark.parametrize(("metavar", "kind"), [("FILE", "file"), ("DIR", "dir")])
def test_every_option_that_takes_a_file_or_folder_offers_them(metavar: str, kind: str) -> None:
    silent = []
    for name, option in shown_options():
        if option.metavar == metavar:
            context = click.Context(click.Command(name))
            if [one.type for one in option.shell_complete(context, "x")] != [kind]:
                silent.append((name, option.opts))
    assert silent == []
