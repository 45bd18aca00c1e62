"""Each server with dumps of each pg_dump: equal content, or a refusal, or everything put back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration.postgres.content import load_mini_mendix
from integration.torture.conftest import IN_EVERY_RUN, Torture
from integration.torture.database import load_torture
from integration.torture.equality import Witnessed
from integration.torture.restoring import Restoring
from mxpc.adapters.programs import Programs
from mxpc.demo.digest import differences
from mxpc.errors import CheckRefused, DatabaseError
from mxpc.model import Severity
from servers import MAJORS, WITH_CLIENTS, postgres_bin

ASSETS = Path(__file__).parents[2] / "assets" / "dumps"
MULTIRANGES = 14
"""From here on a dump says a name for the multirange of each range type, which no older server knows."""
SAME_TEXT_EVERYWHERE = ("rows", "sequences", "large objects", "comments", "extensions", "sequence definitions")
"""Kinds whose fingerprints do not depend on how a server writes its statements."""


def combination(major: int, dumped: int) -> Any:
    """A few combinations in every run, all of them with the faults."""
    marks = () if {major, dumped} <= set(IN_EVERY_RUN) else (pytest.mark.faults,)
    return pytest.param(major, dumped, marks=marks, id=f"{dumped}-into-{major}")


OF_ASSETS = [combination(major, dumped) for major in MAJORS for dumped in WITH_CLIENTS]
NEIGHBOURS = [
    (major, dumped)
    for major in MAJORS
    for dumped in MAJORS
    if abs(major - dumped) == 1 or {major, dumped} == set(IN_EVERY_RUN)
]
ALL_NEIGHBOURS = [combination(*pair) for pair in NEIGHBOURS]
NEWER_DUMPS = [combination(major, dumped) for major, dumped in NEIGHBOURS if major < dumped]


def comparable(content: Witnessed) -> dict[str, dict[str, str]]:
    """What servers of different majors say alike; of everything else that it is there."""
    content.digest["rows"].pop("public.line\nbreak\ttab")  # PostgreSQL 18 quotes a vertical tab in a row's text
    return {
        kind: dict(pairs) if kind in SAME_TEXT_EVERYWHERE else dict.fromkeys(pairs, "")
        for kind, pairs in content.digest.items()
        if kind not in ("public", "extensions")
    }


@pytest.mark.parametrize(("major", "dumped"), OF_ASSETS)
def test_dump_of_a_mendix_app_is_restored(torture: Torture, dumped: int) -> None:
    loaded, settings = torture.empty(), torture.empty()
    load_mini_mendix(loaded)
    report = torture.restoring(settings).run(ASSETS / f"pg{dumped}-Z0.backup")
    assert torture.witnessed(loaded).changes(torture.witnessed(settings)) == []
    said = [one.what for one in report.findings if one.code == "older-server"]
    expected = f"the dump is of PostgreSQL {dumped}, the target runs {torture.major}"
    assert said == [expected] * (dumped > torture.major)


@pytest.mark.parametrize(("major", "dumped"), ALL_NEIGHBOURS)
def test_what_both_majors_know_comes_through_equal(
    torture: Torture, dumped: int, request: pytest.FixtureRequest
) -> None:
    """Up and down: a newer dump is rewritten for the older pg_restore."""
    other: Torture = request.getfixturevalue(f"torture_{dumped}")
    source, settings, wanted = other.empty(), torture.filled(), torture.empty()
    for one in (source, wanted):
        load_torture(one, features=min(dumped, torture.major))
    if torture.major < MULTIRANGES <= dumped:
        with pytest.raises(DatabaseError, match="pg_restore") as caught:
            torture.restoring(settings).run(other.dump_of(source))
        assert "multirange_type_name" in caught.value.evidence
        return
    torture.restoring(settings).run(other.dump_of(source))
    found = comparable(torture.witnessed(settings))
    assert list(differences(comparable(torture.witnessed(wanted)), found)) == []


@pytest.mark.parametrize(("major", "dumped"), NEWER_DUMPS)
def test_what_the_older_server_does_not_know_brings_the_old_content_back(
    torture: Torture, dumped: int, request: pytest.FixtureRequest
) -> None:
    other: Torture = request.getfixturevalue(f"torture_{dumped}")
    settings = torture.filled()
    before = torture.witnessed(settings)
    restoring = torture.restoring(settings)
    warned = [one for one in restoring.plan(other.dump).findings if one.code == "older-server"]
    assert [one.severity for one in warned] == [Severity.WARN]
    with pytest.raises(DatabaseError) as caught:
        restoring.run(other.dump)
    assert "pg_restore: error:" in caught.value.evidence
    assert before.changes(torture.witnessed(settings)) == []


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize("major", [14])
def test_inner_compression_that_no_pg_restore_here_reads_is_refused_with_both_versions(
    torture: Torture, compression: str
) -> None:
    settings = torture.empty()
    load_mini_mendix(settings)
    before = torture.witnessed(settings)
    with pytest.raises(CheckRefused) as caught:
        torture.restoring(settings).run(ASSETS / f"pg17-{compression}.backup")
    assert compression in caught.value.what
    assert "(14." in caught.value.what
    assert "16 or newer" in caught.value.hint
    assert before.changes(torture.witnessed(settings)) == []


def programs_of(*majors: int) -> Programs:
    return Programs(lambda: iter([postgres_bin(major) for major in majors]))


@pytest.mark.parametrize(
    ("present", "dumping", "restoring"),
    [((15, 18), 15, 15), ((18, 16), 16, 16), ((18, 17), 17, 17), ((14, 18), 18, 18), ((18,), 18, 18)],
    ids=str,
)
def test_programs_of_the_servers_major_are_chosen_else_the_next_newer(
    present: tuple[int, ...], dumping: int, restoring: int
) -> None:
    programs = programs_of(*present)
    assert (programs.pg_dump(15).major, programs.pg_restore(15).major) == (dumping, restoring)


def test_older_pg_restore_serves_where_there_is_no_other_and_older_pg_dump_does_not() -> None:
    programs = programs_of(14)
    assert programs.pg_restore(18).major == 14
    with pytest.raises(Exception, match="the server is PostgreSQL 18, and no pg_dump of version 18 or newer was found"):
        programs.pg_dump(18)


@pytest.mark.parametrize("major", [18])
def test_older_pg_restore_brings_a_newer_dump_into_a_newer_server(torture: Torture) -> None:
    settings = torture.empty()
    Restoring(settings, programs_of(14)).run(torture.dump)
    assert torture.content.changes(torture.witnessed(settings)) == []
