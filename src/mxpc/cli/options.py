"""The options that commands share, as one table; `Common` is what they come to."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import click

from mxpc.cli import candidates
from mxpc.cli.session import Session
from mxpc.model import Half, TlsMode

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


@dataclass(frozen=True)
class Common:
    """Where the environment's settings come from, and which trust rules the user sets."""

    kubeconfig: str | None = None
    context: str | None = None
    credentials_dir: tuple[str, ...] = ()
    database_secret: str | None = None
    storage_secret: str | None = None
    db_sslmode: str | None = None
    db_sslrootcert: str | None = None
    storage_ca_file: str | None = None
    storage_insecure: bool = False


def _connection_options(*, hidden: bool) -> list[Callable[[F], F]]:
    def option(*names: str, help: str, **more: Any) -> Callable[[F], F]:
        return click.option(*names, help=help, hidden=hidden, **more)

    return [
        option(
            "--kubeconfig",
            metavar="FILE",
            help="As kubectl has it; else KUBECONFIG, ~/.kube/config, the pod's own.",
            shell_complete=candidates.files,
        ),
        option("--context", metavar="NAME", help="Context of the kubeconfig."),
        option(
            "--credentials-dir",
            metavar="DIR",
            multiple=True,
            shell_complete=candidates.folders,
            help="Read credentials from files named after the Secret keys, and do not call Kubernetes.",
        ),
        option("--database-secret", metavar="NAME", help="Take this Secret for the database."),
        option("--storage-secret", metavar="NAME", help="Take this Secret for the file storage."),
        option(
            "--db-sslmode",
            type=click.Choice([mode.value for mode in TlsMode]),
            help="libpq's meanings; else PGSSLMODE, the JDBC URL's sslmode, prefer.",
        ),
        option(
            "--db-sslrootcert",
            metavar="FILE",
            help="Trusted roots for the database; else PGSSLROOTCERT.",
            shell_complete=candidates.files,
        ),
        option(
            "--storage-ca-file",
            metavar="FILE",
            shell_complete=candidates.files,
            help="Trusted roots for the file storage; else SSL_CERT_FILE, SSL_CERT_DIR.",
        ),
        option("--storage-insecure", is_flag=True, help="Do not check the file storage's certificate."),
    ]


_OUTPUT_OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "-o",
        "output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="What the result on standard output looks like.",
    ),
    click.option("-q", "quiet", is_flag=True, help="Say less: no progress, no summary."),
    click.option("-v", "verbose", is_flag=True, help="Say more: which rules were used, and the cause of an error."),
    click.version_option(None, "--version", package_name="mxpc-backup-restore-cli", message="%(prog)s %(version)s"),
]


def common_options(*, connection: bool = True) -> Callable[[F], F]:
    """Give a command the options that all have. It is called with `session` and `common` as its first arguments."""

    def decorate(command: F) -> F:
        @click.pass_obj
        def wrapped(session: Session, /, output: str, quiet: bool, verbose: bool, **given: Any) -> Any:
            session.as_json, session.quiet, session.verbose = output == "json", quiet, verbose
            common = Common(**{one.name: given.pop(one.name) for one in fields(Common)})
            return command(session, common, **given)

        wrapped.__name__ = command.__name__
        wrapped.__doc__ = command.__doc__

        def shared() -> None: ...

        for option in reversed([*_connection_options(hidden=not connection), *_OUTPUT_OPTIONS]):
            option(shared)
        # click lists parameters from the last to the first: so the command's own come before the shared ones.
        own = getattr(command, "__click_params__", [])
        wrapped.__click_params__ = [*getattr(shared, "__click_params__", []), *own]  # type: ignore[attr-defined]
        return wrapped  # type: ignore[return-value]

    return decorate


def gathered(kind: Callable[..., T]) -> Callable[[Callable[[Session, Common, T], int]], Callable[..., int]]:
    """Give a command its own options as one value of this class, whose fields have the options' names.

    The innermost decorator of a command.
    """

    def decorate(command: Callable[[Session, Common, T], int]) -> Callable[..., int]:
        @functools.wraps(command)
        def wrapped(session: Session, common: Common, /, **given: Any) -> int:
            return command(session, common, kind(**given))

        return wrapped

    return decorate


def environment_options(command: F) -> F:
    """-n and -e."""
    command = click.option(
        "-e",
        "--environment",
        metavar="NAME",
        help="The environment's internal name (MendixApp).",
        shell_complete=candidates.environments,
    )(command)
    return click.option(
        "-n",
        "--namespace",
        metavar="NAME",
        help="The namespace that the environment runs in.",
        shell_complete=candidates.namespaces,
    )(command)


def file_option(help: str, *, required: bool = True) -> Callable[[F], F]:
    """-f."""
    return click.option("-f", "--file", metavar="FILE", required=required, help=help, shell_complete=candidates.files)


def objects_option(command: F) -> F:
    """--objects-file."""
    return click.option(
        "--objects-file",
        metavar="FILE",
        shell_complete=candidates.files,
        help="The keys to files that the app encrypted; else FILE.objects.json beside the backup file.",
    )(command)


def only_option(command: F) -> F:
    """--only."""
    return click.option("--only", type=click.Choice([half.value for half in Half]), help="Leave out the other half.")(
        command
    )


def halves(only: str | None) -> frozenset[Half]:
    """What --only leaves."""
    return frozenset({Half(only)}) if only else frozenset(Half)


def work_options(command: F) -> F:
    """--jobs, --transfers and --buffer."""
    command = click.option(
        "--buffer",
        metavar="SIZE",
        type=size,
        default="64MB",
        show_default=True,
        help="Bytes of files that are held in memory at once.",
    )(command)
    command = click.option(
        "--transfers",
        metavar="N",
        type=click.IntRange(1, 512),
        help="Files at once; else as many as the file storage takes well, up to 128.",
    )(command)
    return click.option(
        "--jobs",
        metavar="N",
        type=click.IntRange(1, 64),
        help="Sessions in the database at once; else as many as a restore is quickest with. A backup has one.",
    )(command)


SIZE_FACTORS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def size(text: str) -> int:
    """Bytes of `500MB`, `2 GB` or `65536`; at least a mebibyte. Raises click.BadParameter."""
    match = re.fullmatch(r"(\d+)\s*([A-Z]*)", text.strip().upper())
    if not match or match[2] not in SIZE_FACTORS:
        raise click.BadParameter(f"{text!r} is no size: write it like 64MB")
    number = int(match[1]) * SIZE_FACTORS[match[2]]
    if number < 1 << 20:
        raise click.BadParameter("at least 1MiB is needed")
    return number
