"""Orphans and losses."""

from __future__ import annotations

from mxpc.model import FileDocument
from mxpc.progress import Silent
from mxpc.workflows.files import FilesReport, compare_files, delete_orphans
from unit.workflows.conftest import ENVIRONMENT, SmallApp, blob_name

ORPHANS = {blob_name(700): b"orphan", blob_name(701): b""}


def compare(app: SmallApp) -> FilesReport:
    return compare_files(ENVIRONMENT, app.source, app.store, Silent())


def test_orphans_and_losses_are_told_apart_from_the_rest(app: SmallApp) -> None:
    lost = app.documents[4]
    del app.store.contents[lost.blob]
    app.store.contents |= ORPHANS

    report = compare(app)

    assert {one.blob for one in report.orphans} == set(ORPHANS)
    assert report.orphan_bytes == 6
    assert report.missing == (lost,)
    assert (report.document_count, report.blob_count) == (40, 41)


def test_a_file_that_is_stored_while_the_list_is_made_is_not_missing(app: SmallApp) -> None:
    late = FileDocument(blob_name(800), "late", 4)

    def app_stores_a_file(method: str, blob: str) -> None:
        if method == "stat" and blob == late.blob:
            app.store.contents[late.blob] = b"late"

    app.source.documents.append(late)
    app.store.hooks.append(app_stores_a_file)
    assert compare(app).missing == ()


def test_only_orphans_are_deleted(app: SmallApp) -> None:
    app.store.contents |= ORPHANS
    assert delete_orphans(app.source, app.store, compare(app).orphans, 4) == 2
    assert app.store.contents == app.contents


def test_an_orphan_that_a_document_names_by_now_is_kept(app: SmallApp) -> None:
    app.store.contents |= ORPHANS
    report = compare(app)
    kept = next(iter(ORPHANS))
    app.source.documents.append(FileDocument(kept, "found again", 6))
    assert delete_orphans(app.source, app.store, report.orphans, 4) == 1
    assert set(app.store.contents) == {*app.contents, kept}
