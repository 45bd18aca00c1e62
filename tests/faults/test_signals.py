"""SIGTERM and SIGINT: the command cleans up itself, so nothing has to be brought back afterwards."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from fakes.s3_faults import FaultProxy
from faults.moments import Moment, in_phases, meet, spread
from faults.stage import Saved, Stage
from faults.test_kill import UNDO_SECONDS, expect_complete, start_restore

pytestmark = pytest.mark.faults

NUMBERS = (signal.SIGTERM, signal.SIGINT)
IN_RESTORE = (
    *spread("signal in restore", 5, 0.35, 1.0, everything=False),
    *in_phases("signal in restore", ("parking", 0.01), ("restored", 0.02), ("accepting", 0.03)),
)
IN_UNDO = (*spread("signal in undo", 3, 0.6, 1.0, everything=False), *in_phases("signal in undo", ("undoing", 0.05)))
IN_BACKUP = tuple(spread("signal in backup", 5, 0.5, 1.0, everything=False))


def in_turns(cases: Iterable[tuple[object, ...]]) -> list[pytest.ParameterSet]:
    """Each of these with one of the signals, the same one in every run."""
    turns = zip(cases, itertools.cycle(NUMBERS), strict=False)
    return [pytest.param(*case, number, id="-".join((*map(str, case), number.name))) for case, number in turns]


@pytest.mark.parametrize(("way", "moment", "number"), in_turns(itertools.product(("file", "pipe"), IN_RESTORE)))
def test_interrupted_restore_leaves_the_old_content_at_once(
    stage: Stage, way: str, moment: Moment, number: signal.Signals
) -> None:
    seconds = stage.seconds(way, lambda: start_restore(stage, way))
    running, _ = meet(
        stage, f"{number.name} in restore", moment, seconds, lambda: start_restore(stage, way), stage.reset
    )
    running.end(number)
    ended = running.ended()
    stage.target.check_tidy(ended)
    # While Python itself comes and goes, a signal does what the system does with it.
    assert ended.code in (0, 128 + number, -number), str(ended)
    # Once the new content is accepted the restore ends as one that worked, which it did.
    done = ended.code == 0 or "restored" in ended.out or "is in place, and stays" in ended.err
    assert stage.settled() == ("new" if done else "old"), str(ended)


@pytest.mark.parametrize(("moment", "number"), in_turns(itertools.product(IN_UNDO)))
def test_interrupted_undo_is_brought_to_its_end(
    stage: Stage, halfway: Saved, moment: Moment, number: signal.Signals
) -> None:
    running, _ = meet(
        stage,
        f"{number.name} in undo",
        moment,
        UNDO_SECONDS,
        lambda: stage.start("restore", "--undo"),
        lambda: stage.reset(halfway),
    )
    running.end(number)
    ended = running.ended()
    stage.target.check_tidy(ended)
    assert ended.code in (0, 128 + number, -number), str(ended)
    if stage.phase() is not None:
        # It came before anything was done.
        assert ended.code != 0
        stage.run("restore", "--undo").expect(0)
    stage.expect_old()


def test_interrupted_restore_does_not_send_the_remaining_files_first(stage: Stage, tmp_path: Path) -> None:
    with FaultProxy(("127.0.0.1", stage.target.s3.port), latency=0.1) as proxy:
        slow = stage.target.credentials_folder(storage_endpoint=proxy.endpoint)
        stage.touch()
        arguments = ("restore", "--credentials-dir", slow, "--transfers", "1", "-f", stage.archive)
        running = stage.target.start(*arguments)
        # The database is there, and the files are not: they wait a tenth of a second for each answer.
        assert Moment("restored").wait(stage, running, 1)
        looked = proxy.requests["HEAD"] + proxy.requests["PUT"]
        running.end(signal.SIGTERM)
        ended = running.ended()
        sent = proxy.requests["HEAD"] + proxy.requests["PUT"] - looked
    ended.expect(143)
    assert sent < 10
    stage.expect_old()


@pytest.mark.parametrize(("moment", "number"), in_turns(itertools.product(IN_BACKUP)))
def test_interrupted_backup_leaves_nothing_unless_it_was_in_place_already(
    stage: Stage, tmp_path: Path, moment: Moment, number: signal.Signals
) -> None:
    file = tmp_path / "backup.tar.gz"
    running, _ = meet(
        stage,
        f"{number.name} in backup",
        moment,
        stage.backup_seconds,
        lambda: stage.back_up_source(file),
        lambda: file.unlink(missing_ok=True),
    )
    running.end(number)
    ended = running.ended()
    stage.source.check_tidy(ended)
    assert ended.code in (0, 128 + number, -number), str(ended)
    if file.exists():
        assert ended.code == 0, "the exit code says that there is no archive"
        expect_complete(stage, file)
    else:
        assert ended.code != 0
        assert "backup of" not in ended.out
    assert [path.name for path in tmp_path.iterdir()] in ([], [file.name])
