"""The installed command with a kubeconfig and nothing else of a login."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.environment import Ended, Running
from surroundings import COMMAND, clean_environment


class Command:
    """Runs in a home of its own. `secrets` must never be printed, whatever happens."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.secrets: list[str] = []

    def run(self, *arguments: str | Path, kubeconfig: Path | None, wrapper: Sequence[str] = (), **env: str) -> Ended:
        """Run it to its end; `env` is added to its environment."""
        words = [str(argument) for argument in arguments]
        given = {"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}
        process = subprocess.Popen(
            [*wrapper, str(COMMAND), *words],
            env=clean_environment(self.home, **given, **env),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        ended = Running(words, process).ended()
        assert "Traceback" not in ended.err, str(ended)
        assert not [secret for secret in self.secrets if secret in ended.out + ended.err], "a secret was printed"
        return ended
