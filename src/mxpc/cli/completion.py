"""`completion`, and the answers to shells and kubectl that complete a command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from mxpc.cli import COMPLETE, KUBECTL_PROGRAM, PROGRAM
from mxpc.cli.options import Common, common_options
from mxpc.cli.session import Session

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish")
FILES, NOTHING_ELSE, FOLDERS = 0, 4, 16
"""What kubectl is to do beside our suggestions: cobra's ShellCompDirectives."""


@click.command("completion", short_help="Print what makes a shell complete the command.")
@common_options(connection=False)
@click.argument("shell", type=click.Choice(SHELLS))
def command(session: Session, common: Common, *, shell: str) -> int:
    """Print a script that makes a shell complete commands, options, files, and, where the login may list them,
    namespaces and environments.

    \b
    bash  source <(mxpc-backup-restore-cli completion bash)
    zsh   source <(mxpc-backup-restore-cli completion zsh)
    fish  mxpc-backup-restore-cli completion fish | source

    The line goes into ~/.bashrc, ~/.zshrc (after compinit) or ~/.config/fish/config.fish.
    """
    session.console.result(script(shell))
    return 0


def script(shell: str) -> str:
    """The same for every machine: which bash is there is not asked, as click would."""
    from click.shell_completion import ShellComplete, get_completion_class

    kind = get_completion_class(shell)
    assert kind
    return ShellComplete.source(kind(click.Command("none"), {}, PROGRAM, COMPLETE))


def answer_shell(instruction: str) -> int:
    """Print what fits, as a script of `script` asks for it. Silent about everything else."""
    from click.shell_completion import shell_complete

    from mxpc.cli.app import app

    _be_silent()
    try:
        return shell_complete(app, {}, PROGRAM, COMPLETE, instruction)
    except Exception:
        return 1


def answer_kubectl(words: Sequence[str]) -> int:
    """Print what fits for `kubectl mxpc WORDS`, the last of which is unfinished, as `kubectl_complete-mxpc` has to."""
    from click.shell_completion import ShellComplete

    from mxpc.cli.app import app

    _be_silent()
    before, incomplete = list(words[:-1]), words[-1] if words else ""
    try:
        items = ShellComplete(app, {}, KUBECTL_PROGRAM, COMPLETE).get_completions(before, incomplete)
    except Exception:
        items = []
    print("\n".join(_for_kubectl(items)))
    return 0


def _for_kubectl(items: Iterable[CompletionItem]) -> Iterable[str]:
    directive = NOTHING_ELSE
    for item in items:
        if item.type == "plain":
            yield f"{item.value}\t{item.help}" if item.help else str(item.value)
        else:
            directive = FOLDERS if item.type == "dir" else FILES
    yield f":{directive}"


def _be_silent() -> None:
    """The prompt belongs to the person: a login plugin must neither ask nor tell."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 2):
        os.dup2(nothing, descriptor)
