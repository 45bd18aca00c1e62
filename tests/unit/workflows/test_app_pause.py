"""--stop-app: stopped before anything is touched, started again whenever the environment is whole, and only then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from fakes.app_control import MemoryApp
from fakes.database import TARGET, MemoryTarget, broken
from fakes.file_store import MemoryFileStore
from mxpc.adapters.archive_files import FileInput
from mxpc.errors import CheckRefused, DatabaseError, HalfwayError, Interrupted, KubernetesError
from mxpc.model import AppFacts, AppScale, Half, Replicas
from mxpc.progress import Silent
from mxpc.workflows.plan import RestoreOptions
from mxpc.workflows.restore import Restore
from unit.workflows.conftest import ENVIRONMENT, SmallApp

TWO = Replicas(2)
STOPPED = AppScale(Replicas(0), before_stop=TWO)
REFUSED = CheckRefused("the right to patch mendixapps is missing", hint="add this rule")


@dataclass
class Heard(Silent):
    """Remembers the warnings."""

    warnings: list[str] = field(default_factory=list)

    def warned(self, text: str) -> None:
        self.warnings.append(text)


class Stage:
    """A target whose app has two sessions while it runs, and some looks longer."""

    def __init__(self, app: SmallApp) -> None:
        self.app = MemoryApp(AppScale(TWO))
        self.database = _Visited(self)
        self.database.restored = lambda _: ("SampleApp", list(app.documents))
        self.store = MemoryFileStore({})
        self.heard = Heard()
        self.looks_to_end = 3

    def stopped(self, scale: AppScale) -> None:
        """From an earlier run, and its sessions are gone."""
        self.app.scale = scale
        self.looks_to_end = 0
        self.database.other_sessions()

    def restore(self, *, stop_app: bool = True, **more: object) -> Restore:
        options = RestoreOptions(stop_app=stop_app, stop_timeout=60, look_seconds=0)
        options = replace(options, **more)  # type: ignore[arg-type]
        facts = AppFacts(replicas=self.app.scale.now.number, before_stop=self.app.scale.before_stop)
        return Restore(ENVIRONMENT, facts, "app", self.database, self.store, options, self.heard, control=self.app)


class _Visited(MemoryTarget):
    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def other_sessions(self) -> tuple[str, ...]:
        self.fault("other_sessions")
        if self._stage.app.scale.now.stopped:
            self._stage.looks_to_end -= 1
        there = ("app Mendix Runtime", "app Mendix Runtime") if self._stage.looks_to_end > 0 else ()
        self.facts_before = replace(TARGET, other_sessions=there)
        return there


@pytest.fixture
def stage(app: SmallApp) -> Stage:
    made = Stage(app)
    made.database.other_sessions()
    return made


def test_the_app_is_stopped_for_the_restore_and_scaled_back(stage: Stage, archive: FileInput) -> None:
    seen: list[AppScale] = []
    stage.database.fault = lambda _: seen.append(stage.app.scale)
    report = stage.restore().run(archive)
    assert set(seen) == {STOPPED}
    assert stage.app.scale == AppScale(TWO)
    assert report.scaled_back_to == TWO
    assert report.findings == ()


def test_the_restore_begins_when_no_session_is_left(stage: Stage, archive: FileInput) -> None:
    stage.looks_to_end = 30
    stage.restore().run(archive)
    assert stage.looks_to_end <= 0


def test_sessions_that_do_not_end_refuse_the_restore_and_the_app_runs_again(stage: Stage, archive: FileInput) -> None:
    stage.looks_to_end = 1 << 60
    with pytest.raises(CheckRefused, match="2 other session") as caught:
        stage.restore(stop_timeout=0.01).run(archive)
    assert "--allow-running" in caught.value.hint
    assert "--stop-timeout" in stage.heard.warnings[0]
    assert stage.database.steps == []
    assert stage.app.scale == AppScale(TWO)


def test_files_alone_are_restored_whoever_is_in_the_database(stage: Stage, archive: FileInput) -> None:
    stage.looks_to_end = 1 << 60
    report = stage.restore(halves=frozenset({Half.FILES}), stop_timeout=0.01).run(archive)
    assert (report.files_sent, report.scaled_back_to) == (40, TWO)
    assert "2 session(s) are in the database still" in stage.heard.warnings[0]


def test_an_app_without_a_number_of_replicas_has_none_again(stage: Stage, archive: FileInput) -> None:
    stage.app.scale = AppScale(Replicas(None))
    assert stage.restore().run(archive).scaled_back_to == Replicas(None)
    assert stage.app.scale == AppScale(Replicas(None))


def test_an_app_that_was_at_0_stays_there(stage: Stage, archive: FileInput) -> None:
    stage.app.scale = AppScale(Replicas(0))
    report = stage.restore().run(archive)
    assert stage.app.scale == AppScale(Replicas(0))
    assert report.scaled_back_to is None


def test_an_app_is_not_stopped_for_a_restore_that_is_refused_anyway(stage: Stage, archive: FileInput) -> None:
    stage.database.app = "OtherApp"
    with pytest.raises(CheckRefused, match="OtherApp"):
        stage.restore().run(archive)
    assert stage.app.steps == []


# ------------------------------------------------------------------------------------------------ what may come between


@pytest.mark.parametrize("step", ["park", "restore", "restored", "note_added", "facts_restored"])
@pytest.mark.parametrize("error", [DatabaseError("gone"), Interrupted(2)], ids=["failure", "Ctrl-C"])
def test_after_a_restore_that_was_put_back_the_app_runs_again(
    stage: Stage, archive: FileInput, step: str, error: Exception
) -> None:
    stage.database.fault = broken(step, error)
    with pytest.raises(type(error)):
        stage.restore().run(archive)
    assert stage.app.scale == AppScale(TWO)
    assert stage.database.parked is None


@pytest.mark.parametrize("step", ["look", "stop", "stopped"])
def test_an_interruption_while_the_app_is_stopped_does_not_leave_it_stopped(
    stage: Stage, archive: FileInput, step: str
) -> None:
    stage.app.fault = once(step, Interrupted(15))
    with pytest.raises(Interrupted):
        stage.restore().run(archive)
    assert stage.app.scale == AppScale(TWO)


@pytest.mark.parametrize("error", [DatabaseError("gone"), Interrupted(2)], ids=["failure", "Ctrl-C"])
def test_what_ends_the_waiting_starts_the_app_again(stage: Stage, archive: FileInput, error: Exception) -> None:
    stage.database.fault = broken("other_sessions", error)
    with pytest.raises(type(error)):
        stage.restore().run(archive)
    assert stage.app.scale == AppScale(TWO)
    assert "park" not in stage.database.steps


@pytest.mark.parametrize("step", ["start_again", "started"])
def test_an_interruption_while_the_app_is_started_does_not_leave_it_stopped(
    stage: Stage, archive: FileInput, step: str
) -> None:
    stage.app.fault = once(step, Interrupted(15))
    with pytest.raises(Interrupted):
        stage.restore().run(archive)
    assert stage.app.scale == AppScale(TWO)
    assert "the restore itself is done" in stage.heard.warnings[-1]


def test_an_environment_that_is_half_way_stays_stopped_until_it_is_put_right(stage: Stage, archive: FileInput) -> None:
    def fault(step: str) -> None:
        broken("restored")(step)
        broken("put_back")(step)

    stage.database.fault = fault
    with pytest.raises(HalfwayError, match="putting the old content") as caught:
        stage.restore().run(archive)
    assert "stays at 0 replicas" in caught.value.hint
    assert stage.app.scale == STOPPED

    stage.database.fault = lambda _: None
    undo = stage.restore(stop_app=False)
    assert undo.undo()
    assert undo.scaled_back_to == TWO
    assert stage.app.scale == AppScale(TWO)


def test_a_bug_that_leaves_the_journal_leaves_the_app_stopped(stage: Stage, archive: FileInput) -> None:
    """Whether it is whole is asked of the database, not concluded from the kind of the error."""

    def fault(step: str) -> None:
        broken("restored")(step)
        broken("put_back", ZeroDivisionError("a bug"))(step)

    stage.database.fault = fault
    with pytest.raises(HalfwayError, match="stays at 0 replicas"):
        stage.restore().run(archive)
    assert stage.app.scale == STOPPED


def test_a_start_that_fails_is_no_success_and_says_the_way(stage: Stage, archive: FileInput) -> None:
    stage.app.fault = broken("start_again", KubernetesError("the API is gone"))
    with pytest.raises(HalfwayError, match="the work is done, and the environment") as caught:
        stage.restore().run(archive)
    assert caught.value.evidence == "the API is gone"
    assert "--undo" in caught.value.hint
    stage.app.fault = lambda _: None
    assert not stage.restore(stop_app=False).undo()
    assert stage.app.scale == AppScale(TWO)


def test_without_the_right_nothing_is_changed(stage: Stage, archive: FileInput) -> None:
    stage.app.fault = broken("stop", REFUSED)
    with pytest.raises(CheckRefused, match="right to patch"):
        stage.restore().run(archive)
    assert stage.app.scale == AppScale(TWO)
    assert stage.database.steps == []
    assert stage.heard.warnings == []


# ------------------------------------------------------------------------------------------------------- a killed run


@pytest.mark.parametrize("stop_app", [True, False])
def test_the_restore_after_a_killed_one_scales_back_to_what_that_noted(
    stage: Stage, archive: FileInput, stop_app: bool
) -> None:
    stage.stopped(STOPPED)
    stage.database.park("killed.tar.gz")
    report = stage.restore(stop_app=stop_app).run(archive)
    assert report.scaled_back_to == TWO
    assert stage.app.scale == AppScale(TWO)


def test_a_number_that_a_person_set_after_the_kill_is_left_and_the_note_goes(stage: Stage) -> None:
    stage.app.scale = AppScale(Replicas(1), before_stop=TWO)
    assert not stage.restore(stop_app=False).undo()
    assert stage.app.scale == AppScale(Replicas(1))
    assert "somebody has scaled it to 1 replica since" in stage.heard.warnings[0]


def test_a_number_that_a_person_set_after_the_kill_is_what_the_next_stop_scales_back_to(
    stage: Stage, archive: FileInput
) -> None:
    stage.app.scale = AppScale(Replicas(1), before_stop=TWO)
    stage.restore().run(archive)
    assert stage.app.scale == AppScale(Replicas(1))


def test_a_login_that_may_not_patch_can_still_restore_after_a_killed_run(stage: Stage, archive: FileInput) -> None:
    stage.stopped(STOPPED)
    stage.app.fault = broken("start_again", REFUSED)
    assert stage.restore(stop_app=False).run(archive).database_restored
    assert "stays so: the right to patch" in stage.heard.warnings[-1]


def test_a_missing_right_to_start_again_is_found_before_anything_is_touched(stage: Stage, archive: FileInput) -> None:
    stage.stopped(STOPPED)
    stage.app.fault = broken("check", REFUSED)
    with pytest.raises(CheckRefused, match="right to patch"):
        stage.restore().run(archive)
    assert stage.database.steps == []
    assert stage.app.scale == STOPPED


def test_an_app_that_no_restore_stopped_is_left_alone(stage: Stage, archive: FileInput) -> None:
    stage.stopped(AppScale(Replicas(0)))
    stage.app.fault = broken("look", KubernetesError("nobody is to call"))
    assert stage.restore(stop_app=False).run(archive).database_restored


# ----------------------------------------------------------------------------------------------------- people meanwhile


def test_a_number_that_a_person_sets_meanwhile_is_left(stage: Stage, archive: FileInput) -> None:
    def scale_up(step: str) -> None:
        if step == "start_again":
            stage.app.scale = replace(stage.app.scale, now=Replicas(3))

    stage.app.meanwhile = scale_up
    report = stage.restore().run(archive)
    assert stage.app.scale == AppScale(Replicas(3))
    assert report.scaled_back_to is None
    assert "3 replicas meanwhile" in stage.heard.warnings[-1]


def test_a_person_who_starts_the_app_before_anything_is_touched_has_it_refused(
    stage: Stage, archive: FileInput
) -> None:
    def start(step: str) -> None:
        if step == "stopped":
            stage.app.scale = replace(stage.app.scale, now=Replicas(1))

    stage.app.fault = start
    with pytest.raises(CheckRefused, match="1 replica"):
        stage.restore(stop_timeout=0.01).run(archive)
    assert stage.database.steps == []
    assert stage.app.scale == AppScale(Replicas(1))


def test_a_note_that_a_person_takes_away_is_missed(stage: Stage, archive: FileInput) -> None:
    stage.database.fault = lambda step: setattr(stage.app, "scale", AppScale(Replicas(0)))
    stage.restore().run(archive)
    assert stage.app.scale == AppScale(Replicas(0))
    assert "took away the note" in stage.heard.warnings[-1]


# ------------------------------------------------------------------------------------------------------------- dry run


def test_dry_run_shows_the_stop_and_does_not_do_it(stage: Stage, archive: FileInput) -> None:
    plan = stage.restore().plan(archive)
    assert plan.scales_back_to == TWO
    assert [one.code for one in plan.findings] == ["environment-running", "database-in-use"]
    assert plan.refusals == ()
    assert "would be stopped" in plan.findings[0].what
    assert "would have 60 s to end" in plan.findings[1].what
    assert stage.app.steps == []


def test_dry_run_finds_that_the_right_is_missing(stage: Stage, archive: FileInput) -> None:
    stage.app.fault = broken("check", REFUSED)
    plan = stage.restore().plan(archive)
    assert [one.code for one in plan.refusals] == ["may-not-stop-app"]
    assert plan.refusals[0].hint == "add this rule"


def once(step: str, error: BaseException):  # type: ignore[no-untyped-def]
    """A fault that fails a step the first time."""
    left = [error]

    def fault(name: str) -> None:
        if name == step and left:
            raise left.pop()

    return fault
