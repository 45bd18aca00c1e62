"""Texts around PostgreSQL: password file, evidence of pg_restore, quoting."""

from __future__ import annotations

import pytest

from mxpc.adapters.postgres.client_environment import password_line
from mxpc.adapters.postgres.objects import SchemaObject, quoted
from mxpc.adapters.postgres.restoring import evidence_of
from mxpc.errors import RequestError
from mxpc.model import DatabaseSettings


def test_password_file_escapes_what_separates_and_what_escapes() -> None:
    settings = DatabaseSettings("::1", 5432, "da:ta", "us\\er")
    assert password_line(settings, "p:w\\d") == "\\:\\:1:5432:da\\:ta:us\\\\er:p\\:w\\\\d\n"


def test_password_file_knows_both_names_of_a_socket() -> None:
    lines = password_line(DatabaseSettings("/run/pg", 5432, "d", "u"), "p")
    assert lines == "/run/pg:5432:d:u:p\nlocalhost:5432:d:u:p\n"


def test_password_with_a_line_break_is_refused_and_not_shown() -> None:
    with pytest.raises(RequestError) as caught:
        password_line(DatabaseSettings("h", 1, "d", "u"), "sec\nret")
    assert "sec" not in repr(caught.value) + caught.value.evidence


def test_evidence_is_the_first_error_with_its_object_and_detail() -> None:
    complaints = [
        "pg_restore: while INITIALIZING:",
        'pg_restore: error: could not execute query: ERROR:  unrecognized parameter "transaction_timeout"',
        "Command was: SET transaction_timeout = 0;",
        "",
        "pg_restore: from TOC entry 200; 1259 16386 TABLE other app",
        "pg_restore: while PROCESSING TOC:",
        "pg_restore: from TOC entry 215; 1259 16387 CONSTRAINT bad bad_pkey app",
        "pg_restore: error: could not execute query: ERROR:  could not create unique index",
        "DETAIL:  Key (id)=(1) is duplicated.",
        "Command was: ALTER TABLE ONLY public.bad",
        "    ADD CONSTRAINT bad_pkey PRIMARY KEY (id);",
    ]
    assert evidence_of(complaints, skipped=True).splitlines() == complaints[6:10]


def test_evidence_is_the_unknown_parameter_when_it_was_not_skipped_as_harmless() -> None:
    complaints = ['pg_restore: error: ERROR:  unrecognized parameter "transaction_timeout"', "Command was: SET x = 0;"]
    assert evidence_of(complaints).splitlines() == complaints


def test_evidence_without_an_error_is_the_last_line() -> None:
    assert evidence_of(["pg_restore: something odd"]) == "pg_restore: something odd"
    assert evidence_of([]) == ""


def test_names_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
    one = SchemaObject(1, 2, "procedure", 'public."a b"(integer)', True, "me", False)
    assert one.moving_to("mxpc$parked") == 'ALTER ROUTINE public."a b"(integer) SET SCHEMA "mxpc$parked"'
    assert one.dropping == 'DROP ROUTINE IF EXISTS public."a b"(integer) CASCADE'
