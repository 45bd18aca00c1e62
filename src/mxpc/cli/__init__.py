"""The street door: the only room that parses, prints and exits."""

from __future__ import annotations

import os
import sys
from pathlib import PurePath

PROGRAM = "mxpc-backup-restore-cli"
KUBECTL_PROGRAM = "kubectl mxpc"
"""kubectl looks for a program kubectl-mxpc on the PATH."""
COMPLETE = "_MXPC_BACKUP_RESTORE_CLI_COMPLETE"
"""With this variable the program answers a shell's question; click's scripts make its name out of the program's."""


def main() -> int:
    """The installed command. Returns the exit code of CLI runs; never raises.

    The name that it was called by decides what it is, so that links to one file do for all names.
    """
    called = PurePath(sys.argv[0]).stem
    if called == "kubectl_complete-mxpc":
        from mxpc.cli.completion import answer_kubectl

        return answer_kubectl(sys.argv[1:])
    if question := os.environ.get(COMPLETE):
        from mxpc.cli.completion import answer_shell

        return answer_shell(question)
    from mxpc.cli.run import run

    return run(sys.argv[1:], KUBECTL_PROGRAM if called == "kubectl-mxpc" else PROGRAM)
