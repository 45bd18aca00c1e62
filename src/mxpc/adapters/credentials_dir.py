"""Settings from a folder of files named after the Secret keys: what a secret-store volume looks like in a pod."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mxpc.adapters.credentials import Credentials, TrustOptions
from mxpc.adapters.settings import environment_settings
from mxpc.errors import RequestError
from mxpc.model import AppFacts, Environment, EnvironmentSettings

_KEY_PREFIXES = ("database-", "storage-", "mx-runtime-com.mendix.storage.")
_KEY = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]*")
"""What Kubernetes allows as a key of a Secret, without names that mean a folder."""
_LARGEST_FILE = 1 << 20
"""Kubernetes lets no Secret be larger than 1 MiB."""


class CredentialsDirectory:
    """An EnvironmentSource that calls no Kubernetes API, so nothing is known of the app itself."""

    def __init__(
        self,
        environment: Environment,
        folders: Sequence[str],
        *,
        trust: TrustOptions | None = None,
        env: Mapping[str, str],
    ) -> None:
        """`env` is the process's environment. Where two folders have a key, the first one counts."""
        self._environment = environment
        self._folders = [Path(folder) for folder in folders]
        self._trust = trust or TrustOptions()
        self._variables = env

    def settings(self, *, storage: bool = True) -> EnvironmentSettings:
        """Read every folder. Raises RequestError for a folder or a file that cannot be read, or lacks a key."""
        values: dict[str, str] = {}
        for folder in reversed(self._folders):
            values |= _read_folder(folder)
        keys = Credentials("folder " + ", ".join(map(str, self._folders)), values)
        return environment_settings(
            self._environment,
            app=AppFacts(),
            database=keys,
            storage=keys if storage else None,
            trust=self._trust,
            env=self._variables,
            notes=(f"credentials are from {keys.place}; the Kubernetes API is not called",),
        )


def _read_folder(folder: Path) -> dict[str, str]:
    try:
        # is_file follows links: kubelet mounts each key as a link into a folder that it swaps as a whole.
        files = [path for path in sorted(folder.iterdir()) if path.name.startswith(_KEY_PREFIXES) and path.is_file()]
    except OSError as error:
        raise RequestError(f"cannot read the credentials folder {folder}", evidence=error.strerror or "") from error
    if not files:
        raise RequestError(
            f"the credentials folder {folder} has no file named after a Secret key",
            hint="expected are files like database-jdbc-url, database-password, storage-endpoint",
        )
    return {path.name: _read_value(path) for path in files}


def _read_value(path: Path) -> str:
    """The text without the one newline that editors put at the end."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise RequestError(f"cannot read {path}", evidence=error.strerror or "") from error
    try:
        text = data.decode("utf-8") if len(data) <= _LARGEST_FILE else None
    except UnicodeDecodeError:
        text = None
    if text is None:
        raise RequestError(f"{path} is not a text of at most 1 MiB in UTF-8")
    return text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")


def write_credentials(folder: Path, values: Mapping[str, str]) -> None:
    """Make such a folder (0700) with a file (0600) for each key. Raises RequestError when it is there with content."""
    try:
        folder.mkdir(mode=0o700, parents=False, exist_ok=True)
        if any(folder.iterdir()):
            raise RequestError(f"the folder {folder} is not empty", hint="Name a new folder.")
        folder.chmod(0o700)
        for key, value in sorted(values.items()):
            if not _KEY.fullmatch(key):
                continue
            descriptor = os.open(folder / key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                # Reading takes one newline from the end.
                file.write(f"{value}\n" if value.endswith("\n") else value)
    except OSError as error:
        raise RequestError(f"cannot write the credentials into {folder}", evidence=error.strerror or "") from error
