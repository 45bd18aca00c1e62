"""Runs a command, and turns whatever ends it into a text and an exit code. The only place that does."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from mxpc.cli import PROGRAM
from mxpc.cli.console import Console
from mxpc.cli.session import Session
from mxpc.cli.signals import interruptible
from mxpc.errors import Interrupted, ToolError

SWITCH_SECONDS = 0.0001
"""How long a thread that computes may keep the interpreter from one that comes back with a decompressed megabyte.

Decompressing takes a thousandth of a second, and Python's own 0.005 s would make it wait five times as long for each.
"""


def run(arguments: Sequence[str], program: str = PROGRAM) -> int:
    """The exit code of one invocation; see EXIT_CODES in mxpc.cli.app. `program` is what usage lines call it."""
    from mxpc.cli.app import app

    session = Session(Console())
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with interruptible(session.console.message) as session.interruptions:
            outcome = app.main(list(arguments), prog_name=program, standalone_mode=False, obj=session)
        return outcome if isinstance(outcome, int) else 0
    except click.ClickException as cause:
        cause.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except Interrupted as cause:
        return _interrupted(session, cause)
    except ToolError as cause:
        return _failed(session, cause)
    except Exception as cause:
        return _bug(session, cause)


def _interrupted(session: Session, cause: Interrupted) -> int:
    _report(session, "interrupted", "interrupted; what was begun was cleaned up", "", "", cause.shell_exit_code)
    return cause.shell_exit_code


def _failed(session: Session, cause: ToolError) -> int:
    _report(session, type(cause).__name__, cause.what, cause.evidence, cause.hint, cause.exit_code)
    if session.verbose:
        session.console.message("".join(traceback.format_exception(cause)))
    return cause.exit_code


def _bug(session: Session, cause: Exception) -> int:
    _report(
        session,
        "bug",
        f"a bug in the tool: {type(cause).__name__}: {cause}",
        "",
        "Please report it with the lines below. No environment was changed unless a message above says so; "
        "`restore --undo` brings an unfinished restore back.",
        1,
    )
    session.console.message("".join(traceback.format_exception(cause)))
    return 1


def _report(session: Session, kind: str, what: str, evidence: str, hint: str, exit_code: int) -> None:
    console = session.console
    console.message(f"{session.style.error('error:')} {what}")
    for line in evidence.splitlines():
        console.message(f"  {line}")
    for number, line in enumerate(hint.splitlines()):
        # What follows may be YAML to be copied: the same indentation for all of it, and no word in front.
        console.message(f"{session.style.hint('hint:')} {line}" if number == 0 else f"      {line}")
    if session.as_json:
        error: dict[str, Any] = {"kind": kind, "what": what, "evidence": evidence, "hint": hint}
        console.result_json({"status": "failed", "exit_code": exit_code, "error": error})
