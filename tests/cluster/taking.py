"""The command `credentials`, which reads everything of Kubernetes that a backup reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cluster.command import Command
from cluster.environments import StoredEnvironment
from cluster.namespaces import ServiceAccount
from e2e.environment import Ended

Login = ServiceAccount | Mapping[str, Any]
"""A service account, which logs in with a token, or the `user` of a kubeconfig."""


class Take:
    """Runs it for one environment, into a folder of the command's home."""

    def __init__(self, command: Command, stored: StoredEnvironment, kubeconfig_for: Callable[..., Path]) -> None:
        self._command = command
        self._kubeconfig_for = kubeconfig_for
        self.folder = command.home / "keys"
        self.words: tuple[str | Path, ...] = ("credentials", *stored.names, "--to", self.folder)

    def __call__(self, login: Login, *more: str, **fields: object) -> Ended:
        """Run it to its end; `fields` are those of the kubeconfig's `cluster`."""
        return self._command.run(*self.words, *more, kubeconfig=self._kubeconfig_for(login, **fields))

    def keys(self, login: Login, *more: str, **fields: object) -> dict[str, str]:
        """The keys and values that it writes."""
        self(login, *more, **fields).expect(0)
        return self.written()

    def written(self) -> dict[str, str]:
        """The keys and values of the run before."""
        return {file.name: file.read_text() for file in self.folder.iterdir()}
