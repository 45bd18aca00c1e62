"""The options of `backup` and `restore` themselves, passed on to the tool in the pod as they were given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mxpc.cli.options import Common
from mxpc.errors import RequestError
from mxpc.workflows.pod_tool import BroughtFile

HERE = frozenset(
    {"namespace", "environment", "file", "kubeconfig", "context", "credentials_dir", "help", "version"}
    | {"db_sslrootcert", "storage_ca_file", "objects_file"}
)
"""What is for this side alone, or names files of this machine."""
_CERTIFICATES = {"db_sslrootcert": "--db-sslrootcert", "storage_ca_file": "--storage-ca-file"}


def arguments(
    context: click.Context, inner: click.Command, names: tuple[str, str], *, only: Collection[str] | None = None
) -> tuple[str, ...]:
    """The tool's arguments in the pod for namespace and environment, without the archive."""
    words = [str(inner.name), "-n", names[0], "-e", names[1]]
    for parameter in inner.params:
        name = str(parameter.name)
        given = context.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)
        if not given or name in HERE or (only is not None and name not in only):
            continue
        words += _words(parameter, context.params[name])
    return tuple(words)


def certificates(common: Common) -> tuple[tuple[str, ...], tuple[BroughtFile, ...]]:
    """Arguments and files for the certificates that are trusted here: they are brought along."""
    words: list[str] = []
    files: list[BroughtFile] = []
    for field, option in _CERTIFICATES.items():
        given = getattr(common, field)
        if given == "system":
            words += [option, given]
        elif given:
            name = f"{field}.pem"
            files.append(BroughtFile(name, _content(given, option)))
            words += [option, f"../{name}"]  # the tool works in a folder below
    return tuple(words), tuple(files)


def object_keys(file: str | None, named: str | None) -> tuple[tuple[str, ...], tuple[BroughtFile, ...]]:
    """As `certificates`, for the keys to encrypted files: the file that is named, else the one beside the archive."""
    from mxpc.adapters.objects_file import objects_file_of

    beside = objects_file_of(file) if file and file != "-" else None
    path = named or (str(beside) if beside and beside.is_file() else None)
    if path is None:
        return (), ()
    name = "objects.json"
    return ("--objects-file", f"../{name}"), (BroughtFile(name, _content(path, "--objects-file")),)


def _content(path: str, option: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as cause:
        raise RequestError(f"{option} {path} cannot be read", evidence=cause.strerror or "") from cause


def _words(parameter: click.Parameter, value: Any) -> list[str]:
    name = max(parameter.opts, key=len)
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [name] if value else []
    values: tuple[Any, ...] = value if parameter.multiple else (value,)
    return [word for one in values for word in (name, str(one))]


def refuse_what_makes_no_sense(given: Mapping[str, Any]) -> None:
    """Raises RequestError for options of the inner command that a pod cannot have."""
    if given.get("credentials_dir"):
        raise RequestError(
            "--credentials-dir does not go with jump-pod",
            hint="The pod reads the credentials from Kubernetes, so that they never leave the cluster.",
        )
    if given.get("keep_encrypted"):
        raise RequestError(
            "--keep-encrypted does not go with jump-pod",
            evidence="the keys to the files are in a file of their own, which does not come out of the pod",
            hint="Use `backup` where the database and the file storage can be reached.",
        )
