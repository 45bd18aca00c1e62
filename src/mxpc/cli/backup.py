"""`backup`."""

from __future__ import annotations

from pathlib import Path

import click

from mxpc.cli.options import Common, common_options, environment_options, file_option, halves, only_option, work_options
from mxpc.cli.session import Session
from mxpc.cli.signals import Interruptions
from mxpc.model import Half
from mxpc.ports import ArchiveSink


@click.command("backup", short_help="Write a backup.")
@common_options()
@environment_options
@file_option("The backup file to write; - is standard output.")
@only_option
@click.option(
    "--files",
    "which_files",
    type=click.Choice(["referenced", "all"]),
    default="referenced",
    show_default=True,
    help="The files that the database names, or everything under the bucket or prefix.",
)
@work_options
@click.option(
    "--compression-level",
    metavar="N",
    type=click.IntRange(0, 9),
    default=1,
    show_default=True,
    help="Of the whole archive: 0 stores, 1 to 3 are quick, 4 to 9 slow.",
)
@click.option(
    "--dump-compression",
    metavar="N",
    type=click.IntRange(0, 9),
    help="Of the dump inside of the archive, as pg_dump -Z; else none, and 6 for a bare dump.",
)
@click.option(
    "--for",
    "meant_for",
    type=click.Choice(["mendix-cloud", "postgres"]),
    default="mendix-cloud",
    show_default=True,
    help="mendix-cloud: the dump is in an archive version that Mendix Cloud and every pg_restore read, whatever "
    "pg_dump made it; postgres: as pg_dump writes it.",
)
@click.option(
    "--keep-encrypted",
    is_flag=True,
    help="Take files that the app encrypts as they are, and write the keys to them into FILE.objects.json.",
)
@click.option("--strict", is_flag=True, help="Exit with 7 when a referenced file is missing or has another size.")
def command(
    session: Session,
    common: Common,
    *,
    namespace: str | None,
    environment: str | None,
    file: str,
    only: str | None,
    which_files: str,
    jobs: int | None,
    transfers: int | None,
    buffer: int,
    compression_level: int,
    dump_compression: int | None,
    meant_for: str,
    keep_encrypted: bool,
    strict: bool,
) -> int:
    """Write an environment's database and files into one backup file.

    Database and files are of one moment, and the app may run. The file appears under its name when it is complete;
    an older backup of that name stays until then.
    """
    from mxpc.adapters.archive_files import check_destination, open_destination
    from mxpc.adapters.objects_file import ObjectsFile
    from mxpc.archive.dumpversion import MENDIX_CLOUD
    from mxpc.cli.assemble import transfer_limit, wire
    from mxpc.cli.progress import shown
    from mxpc.cli.render import show_backup
    from mxpc.workflows.backup import BackupOptions, back_up
    from mxpc.workflows.fetch import FetchOptions

    if file == "-":
        session.results_to_stderr()
    check_destination(file)
    chosen = halves(only)
    keys = ObjectsFile(file) if keep_encrypted and Half.FILES in chosen else None
    limit = transfer_limit(transfers)
    options = BackupOptions(
        halves=chosen,
        every_file=which_files == "all",
        bare_dump=chosen == {Half.DATABASE} and not _is_archive_name(file),
        compression_level=compression_level,
        dump_compression=dump_compression,
        dump_version=MENDIX_CLOUD if meant_for == "mendix-cloud" else None,
        fetch=FetchOptions(transfers=limit, max_ahead_bytes=buffer),
    )
    with shown(session) as progress:
        if jobs and jobs > 1:
            progress.warned("--jobs changes nothing in a backup: one pg_dump writes one dump in custom format")
        wiring = wire(session, common, namespace, environment, progress, storage=Half.FILES in chosen, transfers=limit)
        report = back_up(
            wiring.settings.environment,
            wiring.settings.app,
            wiring.source_database(),
            wiring.file_store(),
            lambda: _BoundToAppear(open_destination(file), session.interruptions),
            options,
            progress,
            keep_encrypted=keys,
        )
    show_backup(session, report, file, progress.warnings, keys.name if keys else "")
    return 7 if strict and report.has_warnings else 0


class _BoundToAppear:
    """A sink whose commit is not interrupted, and nothing after it: the exit code says whether the archive is there."""

    def __init__(self, sink: ArchiveSink, interruptions: Interruptions | None) -> None:
        self._sink = sink
        self._interruptions = interruptions
        self.can_patch = sink.can_patch
        self.write = sink.write
        self.patch = sink.patch
        self.abort = sink.abort

    def commit(self) -> None:
        if self._interruptions:
            self._interruptions.forbid()
        self._sink.commit()


def _is_archive_name(file: str) -> bool:
    return "".join(Path(file).suffixes[-2:]) in (".tar.gz",) or Path(file).suffix == ".tgz"
