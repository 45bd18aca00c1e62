"""The man page, and the files for shells, out of the tables that parse the command line.

`python -m mxpc.cli.manual FOLDER` (`make man`) lays them out as below /usr/share, for whoever makes a package.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from inspect import cleandoc
from pathlib import Path

import click

from mxpc import __version__
from mxpc.cli import KUBECTL_PROGRAM, PROGRAM
from mxpc.cli.app import EXIT_CODES, app
from mxpc.cli.completion import script
from mxpc.cli.options import Common

SHARED = {one.name for one in fields(Common)} | {"output", "quiet", "verbose", "version"}
"""Parameters that commands have in common: they are described once."""

PLUGIN = f"Installed as kubectl-mxpc it is a plugin of kubectl too: {KUBECTL_PROGRAM} COMMAND."


def manual() -> str:
    """The page, in the `man` macros that every roff knows. The same wherever and whenever it is made."""
    lines = [
        f'.TH "{PROGRAM.upper()}" 1 "" "{PROGRAM} {__version__}" "User Commands"',
        ".SH NAME",
        f"{_roff(PROGRAM)} \\- {_roff(_first_sentence(app))}",
        ".SH SYNOPSIS",
        *_synopsis(),
        ".SH DESCRIPTION",
        *_paragraphs(
            f"{app.help}\n\nInstalled as kubectl-mxpc it is a plugin of kubectl too: {KUBECTL_PROGRAM} COMMAND."
        ),
        ".SH COMMANDS",
    ]
    for name, context in _commands():
        lines += _command(name, context)
    lines += [".SH OPTIONS OF EVERY COMMAND", *_paragraphs("As far as they have a meaning for it.")]
    lines += _options(_context(app, "backup"), shared=True)
    lines += [".SH EXIT STATUS", *_exit_codes()]
    lines += [".SH SEE ALSO", ".BR kubectl (1),", ".BR pg_dump (1),", ".BR pg_restore (1)"]
    return "\n".join(lines) + "\n"


def _commands() -> Iterator[tuple[str, click.Context]]:
    """Each command that does something, `jump-pod backup` too, in the order of the overview."""
    top = click.Context(app, info_name=PROGRAM)
    for name in app.list_commands(top):
        context = _context(app, name, top)
        if isinstance(context.command, click.Group):
            inner = context.command
            yield name, context
            yield from ((f"{name} {one}", _context(inner, one, context)) for one in inner.list_commands(context))
        else:
            yield name, context


def _context(group: click.Group, name: str, parent: click.Context | None = None) -> click.Context:
    parent = parent or click.Context(group, info_name=PROGRAM)
    command = group.get_command(parent, name)
    assert command
    return click.Context(command, info_name=name, parent=parent, help_option_names=["-h", "--help"])


def _synopsis() -> Iterator[str]:
    for number, (name, context) in enumerate(_commands()):
        if not isinstance(context.command, click.Group):
            if number:
                yield ".br"
            arguments = " ".join(context.command.collect_usage_pieces(context))
            yield f"\\fB{_roff(f'{PROGRAM} {name}')}\\fR {_roff(arguments)}"


def _command(name: str, context: click.Context) -> Iterator[str]:
    yield f".SS {_roff(name)}"
    yield from _paragraphs(context.command.help or "")
    yield from _options(context, shared=False)


def _options(context: click.Context, *, shared: bool) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record and (parameter.name in SHARED or "--help" in parameter.opts) == shared:
            yield from (".TP", _option(record[0]), _roff(" ".join(record[1].split())))


def _option(names: str) -> str:
    r"""`-f, --file FILE` as \fB-f\fR, \fB--file\fR \fIFILE\fR."""
    bold = re.sub(r"(?<![\w-])(--?[a-zA-Z][-\w]*)", "\0B\\1\0R", names)
    italic = re.sub(r"(?<=\0R )([A-Z][A-Z_]*|\[.*\])$", "\0I\\1\0R", bold)
    return _roff(italic).replace("\0", "\\f")


def _paragraphs(text: str) -> Iterator[str]:
    """Blocks between empty lines; one that begins with \\b keeps its lines, as in --help. A heading is before them."""
    for number, block in enumerate(cleandoc(text).split("\n\n")):
        lines = block.splitlines()
        if number:
            yield ".PP"
        if lines[0].strip() == "\b":
            yield from (".nf", *(_roff(line) for line in lines[1:]), ".fi")
        else:
            yield _roff(" ".join(lines))


def _exit_codes() -> Iterator[str]:
    for code, meaning in re.findall(r"^  (\d+)\s+((?:.|\n(?!  \d))+)", EXIT_CODES, re.MULTILINE):
        yield from (".TP", f"\\fB{code}\\fR", _roff(" ".join(meaning.split())))


def _first_sentence(command: click.Command) -> str:
    return (command.help or "").partition(",")[0].rstrip(".")


def _roff(text: str) -> str:
    r"""Literal text: nothing in it is a request, hyphens can be copied, and other than ASCII is spelled out."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    spelled = "".join(char if char < "\x7f" else f"\\[u{ord(char):04X}]" for char in escaped)
    return f"\\&{spelled}" if spelled.startswith((".", "'")) else spelled


def places() -> dict[str, str]:
    """The content of each file, by its place below /usr/share."""
    return {
        f"man/man1/{PROGRAM}.1": manual(),
        f"bash-completion/completions/{PROGRAM}": script("bash"),
        f"zsh/site-functions/_{PROGRAM}": script("zsh"),
        f"fish/vendor_completions.d/{PROGRAM}.fish": script("fish"),
    }


def main(folder: Path) -> None:
    """Write all of them below the folder."""
    for place, content in places().items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
