"""SIGTERM and SIGINT: the command cleans up itself, so nothing has to be brought back afterwards."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from faults.moments import Moment, in_phases, meet, spread
from faults.stage import Stage
from faults.test_kill import expect_complete, start_restore

pytestmark = pytest.mark.faults

NUMBERS = (signal.SIGTERM, signal.SIGINT)
IN_RESTORE = (
    *spread("signal in restore", 6, 0.35, 1.0, everything=False),
    *in_phases("signal in restore", ("parking", 0.01), ("restored", 0.02), ("accepting", 0.03)),
)
IN_BACKUP = tuple(spread("signal in backup", 6, 0.5, 1.0, everything=False))


@pytest.mark.parametrize("moment", IN_RESTORE, ids=str)
@pytest.mark.parametrize("way", ["file", "pipe"])
def test_interrupted_restore_leaves_the_old_content_at_once(stage: Stage, way: str, moment: Moment) -> None:
    number = NUMBERS[len(str(moment)) % 2]
    seconds = stage.seconds(way, lambda: start_restore(stage, way))
    running, _ = meet(
        stage, f"{number.name} in restore", moment, seconds, lambda: start_restore(stage, way), stage.reset
    )
    running.end(number)
    ended = running.ended()
    stage.target.check_tidy(ended)
    assert ended.code in (0, 128 + number), str(ended)
    # Once the new content is accepted the restore ends as one that worked, which it did.
    assert stage.settled() == ("new" if ended.code == 0 else "old"), str(ended)


@pytest.mark.parametrize("moment", IN_BACKUP, ids=str)
def test_interrupted_backup_leaves_nothing(stage: Stage, tmp_path: Path, moment: Moment) -> None:
    number = NUMBERS[len(str(moment)) % 2]
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
    assert ended.code in (0, 128 + number), str(ended)
    if ended.code == 0:
        expect_complete(stage, file)
    else:
        assert list(tmp_path.iterdir()) == []
