"""Groups of commands that live in modules of their own, imported when they are called or their help is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click


class LateCommands(click.Group):
    """`commands` has each command with its line in the overview; `package` the modules, named like the commands."""

    def __init__(
        self, *, package: str, overview: Mapping[str, str], hidden: tuple[str, ...] = (), **more: object
    ) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self._package = package
        self._overview = overview
        self._hidden = hidden

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._overview)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._overview and cmd_name not in self._hidden:
            return None
        command = import_module(f"{self._package}.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        command.epilog = self.epilog
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._overview.items()))
