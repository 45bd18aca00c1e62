"""The street door: the only room that parses, prints and exits."""

from __future__ import annotations

import sys


def main() -> int:
    """The installed command. Returns the exit code of CLI runs; never raises."""
    from mxpc.cli.run import run

    return run(sys.argv[1:])
