"""`files`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mxpc.cli.options import Common, common_options, environment_options
from mxpc.cli.session import Session
from mxpc.errors import CheckRefused, RequestError

if TYPE_CHECKING:
    from mxpc.workflows.files import FilesReport


@click.command("files", short_help="Compare the files of the database with those in the storage.")
@common_options()
@environment_options
@click.option("--orphans", "show", flag_value="orphans", help="Only the files that no document names, one a line.")
@click.option("--missing", "show", flag_value="missing", help="Only the documents whose file is gone, one a line.")
@click.option(
    "--delete-orphans", is_flag=True, help="Delete the files that no document names, after their number was typed."
)
@click.option("--yes", is_flag=True, help="Delete without asking.")
@click.option("--allow-running", is_flag=True, help="Delete although the environment is not scaled to 0 replicas.")
def command(
    session: Session,
    common: Common,
    *,
    namespace: str | None,
    environment: str | None,
    show: str | None,
    delete_orphans: bool,
    yes: bool,
    allow_running: bool,
) -> int:
    """Compare the files that the database names with those in the file storage. Needs the right to list the storage.

    Orphans are often wanted: files that the app deleted while "prevent data deletion" is set, and, in a bucket that
    several environments share, the files of the others.
    """
    from mxpc.cli.assemble import transfer_limit, wire
    from mxpc.cli.progress import shown
    from mxpc.workflows.files import compare_files
    from mxpc.workflows.files import delete_orphans as delete

    limit = transfer_limit(None)
    with shown(session) as progress:
        wiring = wire(session, common, namespace, environment, progress, storage=True, transfers=limit)
        database, store = wiring.source_database(), wiring.file_store()
        assert store
        if delete_orphans and wiring.settings.app.replicas and not allow_running:
            raise CheckRefused(
                f"the environment runs with {wiring.settings.app.replicas} replica(s): a file that it is just storing "
                "has no document yet, and would be deleted",
                hint="Scale it to 0 replicas first, or use --allow-running.",
            )
        report = compare_files(wiring.settings.environment, database, store, progress)
    deleted = None
    if delete_orphans:
        _confirm(session, report, yes=yes)
        deleted = delete(database, store, report.orphans, limit)
    _show(session, report, show, deleted)
    return 0


def _confirm(session: Session, report: FilesReport, *, yes: bool) -> None:
    if yes or not report.orphans:
        return
    session.console.message(
        f"{len(report.orphans)} files in {report.place} are named by no document of {report.environment.name}.\n"
        "If another environment keeps its files in the same bucket or prefix, they are among them."
    )
    try:
        typed = click.prompt("Type their number to delete them", err=True, default="", show_default=False)
    except click.Abort:
        raise RequestError(
            "nobody typed the number; nothing was deleted", hint="Without a terminal --yes deletes without asking."
        ) from None
    if str(typed).strip().replace(",", "") != str(len(report.orphans)):
        raise RequestError("the number is another one; nothing was deleted")


def _show(session: Session, report: FilesReport, show: str | None, deleted: int | None) -> None:
    if session.as_json:
        session.console.result_json(_as_json(report, deleted))
    elif show == "orphans":
        for orphan in report.orphans:
            session.console.result(f"{orphan.blob}  {orphan.size}")
    elif show == "missing":
        for document in report.missing:
            session.console.result(f"{document.blob}  {document.name or ''}")
    else:
        _summary(session, report, deleted)


def _summary(session: Session, report: FilesReport, deleted: int | None) -> None:
    from mxpc.cli import words

    lines = [
        ("documents", f"{words.count(report.document_count, 'file')} named by the database"),
        ("storage", f"{words.count(report.blob_count, 'file')}, {words.size(report.blob_bytes)}, at {report.place}"),
        ("orphans", f"{words.count(len(report.orphans), 'file')}, {words.size(report.orphan_bytes)} (--orphans lists)"),
        ("missing", f"{words.count(len(report.missing), 'file')} (--missing lists)"),
    ]
    if deleted is not None:
        lines.append(("deleted", words.count(deleted, "file")))
    for label, text in lines:
        session.console.result(f"{label:<16}{text}")


def _as_json(report: FilesReport, deleted: int | None) -> dict[str, Any]:
    return {"command": "files", "status": "done", **asdict(report), "deleted": deleted}
