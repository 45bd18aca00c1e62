"""A signal may come at any line, also at those that clean up: the exit code must not lie about what is there."""

from __future__ import annotations

import pytest

from mxpc.adapters.archive_files import FileInput
from mxpc.errors import DatabaseError, Interrupted
from unit.workflows.conftest import SmallApp
from unit.workflows.test_restore import OLD_BLOBS, Target


class Faults:
    """Each named step raises what is listed for it, one call after another; None: nothing."""

    def __init__(self, **steps: list[BaseException | None]) -> None:
        self._steps = steps

    def __call__(self, step: str) -> None:
        left = self._steps.get(step)
        if left and (error := left.pop(0)):
            raise error


@pytest.fixture
def target(app: SmallApp) -> Target:
    return Target(app)


def test_an_interruption_is_no_exception_that_somebody_on_the_way_may_catch() -> None:
    assert not issubclass(Interrupted, Exception)


def test_an_interruption_while_a_failed_restore_is_put_back_does_not_end_that(
    target: Target, archive: FileInput
) -> None:
    target.database.fault = Faults(restored=[DatabaseError("broken")], put_back=[Interrupted(15)])
    with pytest.raises(Interrupted):
        target.restore().run(archive)
    target.assert_old()


def test_an_interrupted_undo_is_brought_to_its_end(target: Target) -> None:
    target.database.park("killed.tar.gz")
    target.database.fault = Faults(put_back=[Interrupted(2)])
    with pytest.raises(Interrupted):
        target.restore().undo()
    target.assert_old()


def test_an_interruption_after_all_is_done_says_that_the_new_content_stays(target: Target, archive: FileInput) -> None:
    # The first call checks the app, the second one is for the report.
    target.database.fault = Faults(facts_restored=[None, Interrupted(15)])
    with pytest.raises(Interrupted):
        target.restore().run(archive)
    target.assert_new()


def test_a_restore_that_another_one_took_over_takes_none_of_its_files_away(target: Target, archive: FileInput) -> None:
    def taken_over(step: str) -> None:
        if step == "facts_restored":
            # Somebody else put this restore back, and finished one of his own.
            target.database.parked, target.database.journal = None, []
            raise DatabaseError("another restore has taken over")

    target.database.fault = taken_over
    with pytest.raises(DatabaseError, match="taken over"):
        target.restore().run(archive)
    assert target.store.contents == OLD_BLOBS | target.app.contents
