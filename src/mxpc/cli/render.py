"""Plans and reports as text and as JSON. The fields of the JSON are documented in docs/json.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mxpc.archive.layout import printable
from mxpc.cli import words
from mxpc.cli.session import Session
from mxpc.model import ArchiveSummary, Environment, Finding, LossKind, Replicas, Severity
from mxpc.workflows.backup import BackupReport
from mxpc.workflows.plan import RestorePlan
from mxpc.workflows.report import RestoreReport

LISTED = 20
"""So many lost files and the like are listed in a text; JSON has all."""
LABEL_WIDTH = 16


# ------------------------------------------------------------------------------------------------------------- backup


def show_backup(session: Session, report: BackupReport, file: str, warnings: Sequence[str], keys: str = "") -> None:
    """The closing summary of a backup; `keys` is the file with the keys to encrypted files."""
    _warn_of_files(session, report)
    if session.as_json:
        session.console.result_json(_backup_json(report, file, warnings))
    elif not session.quiet:
        _lines(session, _backup_lines(report, file, keys))


def _warn_of_files(session: Session, report: BackupReport) -> None:
    warning = session.style.warning("warning:")
    say = session.console.message
    if report.lost:
        say(f"{warning} {words.count(len(report.lost), 'file')} that the database names could not be read:")
    for missing in report.lost[:LISTED]:
        say(f"  {missing.blob}  {_document(missing.name)}  {missing.kind.value}")
    _more(session, len(report.lost))
    if report.wrong_sizes:
        say(f"{warning} {words.count(len(report.wrong_sizes), 'file')} with another size than the database has:")
    for wrong in report.wrong_sizes[:LISTED]:
        sizes = f"database {wrong.database_size:,} bytes, storage {wrong.blob_size:,} bytes"
        say(f"  {wrong.blob}  {_document(wrong.name)}  {sizes}")
    _more(session, len(report.wrong_sizes))


def _more(session: Session, total: int) -> None:
    if total > LISTED:
        session.console.message(f"  … and {total - LISTED:,} more (-o json lists all)")


def _document(name: str | None) -> str:
    return repr(name) if name is not None else "(document without a name)"


def _backup_lines(report: BackupReport, file: str, keys: str) -> list[tuple[str, str]]:
    app = f"{report.app_name or 'no app'}, model {report.model_version or 'unknown'}"
    deleted = sum(one.kind is LossKind.DELETED_MEANWHILE for one in report.missing)
    lines = [
        ("backup of", f"{_environment(report.environment)} ({app})"),
        ("database", f"{words.size(report.database_size)}, dump {words.size(report.dump_size)}"),
        ("files", f"{words.count(report.file_count, 'file')}, {words.size(report.files_size)}"),
    ]
    if report.unreferenced_count:
        lines.append(("unreferenced", f"{words.count(report.unreferenced_count, 'file')} among them"))
    if report.encrypted_count:
        lines.append(("encrypted", f"{words.count(report.encrypted_count, 'file')} among them"))
        lines.append(("", f"the keys to them are in {keys}: keep both files together"))
    if report.lost:
        lines.append(("missing", f"{words.count(len(report.lost), 'file')} (listed above)"))
    if deleted:
        lines.append(("deleted", f"{words.count(deleted, 'file')} by the app while the backup ran"))
    where = "standard output" if file == "-" else file
    return [*lines, ("written", f"{where}, {words.size(report.archive_size)} in {words.duration(report.duration)}")]


def _backup_json(report: BackupReport, file: str, warnings: Sequence[str]) -> dict[str, Any]:
    value = asdict(report) | {"layout": str(report.layout) if report.layout else None}
    return {"command": "backup", "status": "done", "file": file, **value, "warnings": list(warnings)}


# ------------------------------------------------------------------------------------------------------------ restore


def show_plan(session: Session, plan: RestorePlan) -> int:
    """What `--dry-run` prints; the exit code."""
    exit_code = 5 if plan.refusals else 0
    if session.as_json:
        session.console.result_json(_plan_json(plan, exit_code))
        return exit_code
    _lines(session, _plan_lines(plan))
    for finding in plan.findings:
        show_finding(session, finding)
    verdict = session.style.error("refused") if plan.refusals else session.style.good("ready")
    session.console.result(f"{verdict}: nothing was changed")
    return exit_code


def show_finding(session: Session, finding: Finding) -> None:
    """One finding with its hint."""
    refuses = finding.severity is Severity.REFUSE
    label = session.style.error("refused:") if refuses else session.style.warning("warning:")
    session.console.message(f"{label} {finding.what} [{finding.code}]")
    if finding.hint:
        session.console.message(f"  {session.style.hint('hint:')} {finding.hint}")


def _plan_lines(plan: RestorePlan) -> list[tuple[str, str]]:
    summary, target = plan.summary, plan.target.database
    lines = [("restore", plan.archive), ("into", _environment(plan.environment))]
    lines.append(
        ("target", f"{target.app_name or 'empty'}, PostgreSQL {target.server_version}, {words.size(target.size)}")
    )
    if plan.put_back_first:
        lines.append(("first", f"put back the unfinished restore of {plan.put_back_first.archive}"))
    if summary and plan.restores_database and summary.dump:
        lines.append(("database", f"replaced by {summary.dump.app_name or 'the dump'}, {_dump_words(summary)}"))
    if summary and "files" in plan.options.halves:
        lines.append(("files", f"{words.count(summary.blob_count, 'file')}, {words.size(summary.blob_bytes)}"))
    if plan.app:
        lines.append(("app", _app_words(plan)))
    lines.append(("with", plan.target.restore_program))
    if plan.sessions:
        lines.append(("sessions", f"up to {plan.sessions} at once in the database" if plan.sessions > 1 else "one"))
    lines.append(("temporary disk", "none"))
    return lines


def _app_words(plan: RestorePlan) -> str:
    """`2 replicas: stopped, and scaled back at the end`."""
    assert plan.app
    if plan.scales_back_to is None:
        return f"{plan.app.now}: left as it is"
    if plan.app.now.stopped:
        return f"stopped by an earlier restore, and scaled back to {plan.scales_back_to} at the end"
    return f"{plan.app.now}: stopped, and scaled back at the end"


def _plan_json(plan: RestorePlan, exit_code: int) -> dict[str, Any]:
    return {
        "command": "restore",
        "status": "refused" if exit_code else "ready",
        "dry_run": True,
        "environment": asdict(plan.environment),
        "archive": plan.archive,
        "put_back_first": asdict(plan.put_back_first) if plan.put_back_first else None,
        "contents": _summary_json(plan.summary) if plan.summary else None,
        "target": asdict(plan.target.database),
        "sessions": plan.sessions,
        "temporary_bytes": 0,
        "app": _app_json(plan),
        "findings": [asdict(one) for one in plan.findings],
    }


def _app_json(plan: RestorePlan) -> dict[str, Any] | None:
    back = plan.scales_back_to
    return asdict(plan.app) | {"scales_back_to": asdict(back) if back else None} if plan.app else None


def show_restore(session: Session, report: RestoreReport, warnings: Sequence[str]) -> int:
    """The closing summary of a restore; the exit code."""
    for finding in report.findings:
        if not session.as_json:
            show_finding(session, finding)
    for text in report.warnings:
        session.console.message(f"{session.style.warning('warning:')} {text}")
    if report.missing_files:
        session.console.message(
            f"{session.style.warning('warning:')} {words.count(len(report.missing_files), 'file')} that the restored "
            "database names, and neither the backup nor the file storage has:"
        )
    for one in report.missing_files[:LISTED]:
        session.console.message(f"  {one.blob}  {_document(one.name)}")
    _more(session, len(report.missing_files))
    if session.as_json:
        value = asdict(report) | {"warnings": [*report.warnings, *warnings]}
        session.console.result_json({"command": "restore", "status": "done", **value})
    elif not session.quiet:
        _lines(session, _restore_lines(report))
    return 0


def _restore_lines(report: RestoreReport) -> list[tuple[str, str]]:
    lines = [("restored", report.archive), ("into", _environment(report.environment))]
    if report.database_restored:
        lines.append(("database", f"{report.app_name or 'no app'}, {words.size(report.database_size or 0)}"))
    there = f", {report.files_already_there:,} were there already" if report.files_already_there else ""
    lines.append(("files", f"{words.count(report.files_sent, 'file')} sent, {words.size(report.bytes_sent)}{there}"))
    if report.pruned:
        lines.append(("pruned", words.count(report.pruned, "file")))
    if report.scaled_back_to:
        lines.append(("app", f"scaled back to {report.scaled_back_to}"))
    return [*lines, ("took", words.duration(report.duration))]


def show_undo(session: Session, environment: Environment, *, undone: bool, scaled_back_to: Replicas | None) -> int:
    """What `--undo` did; the exit code."""
    scaled = f"; it is scaled back to {scaled_back_to}" if scaled_back_to else ""
    if session.as_json:
        value = {"undo": True, "put_back": undone, "scaled_back_to": asdict(scaled_back_to) if scaled_back_to else None}
        session.console.result_json({"command": "restore", "status": "done", **value})
    elif undone:
        session.console.result(f"{_environment(environment)} is whole again{scaled}")
    else:
        session.console.result(f"{_environment(environment)} is whole: there was nothing to put back{scaled}")
    return 0


# -------------------------------------------------------------------------------------------------- verify and inspect


def show_verification(session: Session, file: str, summary: ArchiveSummary) -> int:
    """What reading the archive proved; the exit code."""
    if session.as_json:
        session.console.result_json({"command": "verify", "status": "sound", "file": file, **_summary_json(summary)})
        return 0
    for note in summary.notes:
        session.console.message(f"note: {note}")
    _warn_of_extras(session, summary)
    if summary.encrypted_count and summary.keys_known is None:
        session.console.message(f"{session.style.warning('warning:')} {_encrypted_words(summary)}")
    proofs = ["every byte was read and its checksums hold"]
    if summary.dump:
        proofs.append(
            f"the dump is complete: {words.count(summary.dump.table_count, 'table')}, their data to the last block"
        )
    proofs.append(
        f"{words.count(summary.blob_count, 'file')} are in their places, each once, {words.size(summary.blob_bytes)}"
    )
    if summary.encrypted_count and summary.keys_known is not None:
        proofs.append(_encrypted_words(summary))
    for proof in proofs:
        session.console.result(f"{session.style.good('✓')} {proof}")
    session.console.result(f"{file}: sound ({summary.kind.value}, {words.size(summary.compressed_size)})")
    return 0


def show_inspection(session: Session, file: str, summary: ArchiveSummary) -> int:
    """What is in the archive; the exit code."""
    if session.as_json:
        session.console.result_json({"command": "inspect", "file": file, **_summary_json(summary)})
        return 0
    lines = [("file", f"{file}: {summary.kind.value}, {words.size(summary.compressed_size)}")]
    lines += [(f".{key}", value) for key, value in (summary.metadata or {}).items()]
    if dump := summary.dump:
        version = ".".join(map(str, dump.archive_version))
        lines += [
            ("dump", _dump_words(summary)),
            ("", f"custom format {version}, inner compression {dump.compression}"),
            ("", f"made {dump.created} by pg_dump {dump.dump_version} from PostgreSQL {dump.server_version}"),
            (
                "app",
                f"{dump.app_name or 'unknown'}, model {dump.model_version or '?'}, Mendix {dump.mendix_version or '?'}",
            ),
            ("tables", f"{dump.table_count:,}"),
            ("extensions", ", ".join(dump.extensions) or "none"),
        ]
    else:
        lines.append(("dump", "none"))
    lines.append(("files", f"{words.count(summary.blob_count, 'file')}, {words.size(summary.blob_bytes)}"))
    if summary.encrypted_count:
        lines.append(("", _encrypted_words(summary)))
    _lines(session, lines)
    for note in summary.notes:
        session.console.result(f"note: {note}")
    _warn_of_extras(session, summary)
    return 0


def _warn_of_extras(session: Session, summary: ArchiveSummary) -> None:
    if not summary.extra_count:
        return
    session.console.message(
        f"{session.style.warning('warning:')} "
        f"{words.count(summary.extra_count, 'entry', 'entries')} belong to no known place and would be passed over:"
    )
    for name in summary.extra_entries[:LISTED]:
        session.console.message(f"  {name!r}")


def _encrypted_words(summary: ArchiveSummary) -> str:
    encrypted = f"{words.count(summary.encrypted_count or 0, 'file')} of it encrypted by the app"
    if summary.keys_known is None:
        return f"{encrypted}; the keys to them are in a file FILE.objects.json, which is not here"
    return f"{encrypted}; the keys to {summary.keys_known:,} of them are there"


def _dump_words(summary: ArchiveSummary) -> str:
    tables = summary.dump.table_count if summary.dump else 0
    return f"{words.size(summary.dump_size)}, {words.count(tables, 'table')}"


def _summary_json(summary: ArchiveSummary) -> dict[str, Any]:
    value = asdict(summary) | {"encrypted_count": summary.encrypted_count}
    if summary.dump:
        dump = value["dump"]
        dump["archive_version"] = ".".join(map(str, summary.dump.archive_version))
        dump["extensions"] = list(summary.dump.extensions)
        dump["tables"] = [f"{one.schema}.{one.name}" for one in summary.dump.entries if one.kind == "TABLE"]
        dump["entry_count"] = len(dump.pop("entries"))
    return value


def _lines(session: Session, lines: list[tuple[str, str]]) -> None:
    """One line each, whatever a backup has for its names."""
    for label, text in lines:
        session.console.result(printable(f"{label:<{LABEL_WIDTH}}{text}"))


def _environment(environment: Environment) -> str:
    return f"{environment.name} in {environment.namespace}" if environment.namespace else environment.name
