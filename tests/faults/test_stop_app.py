"""--stop-app under kill -9 and signals at any moment: no app runs on half of a database, and none is forgotten."""

from __future__ import annotations

import contextlib
import itertools
import signal
from collections.abc import Iterator

import pytest

from e2e.environment import Running
from fakes.mendix_operator import MendixOperator
from faults.moments import Moment, in_phases, meet, spread
from faults.stage import Stage, kill
from faults.test_kill import start_restore
from faults.test_signals import in_turns
from mxpc.adapters.mendix_app import NOTE
from mxpc.demo.kubernetes_objects import GROUP

pytestmark = pytest.mark.faults

STOPPING_SECONDS = 2.5
"""What an app of two replicas takes to end its sessions, and the looks that make sure: more or less."""
KILLED = "kill -9 in restore --stop-app"
AT_ANY_TIME = (
    *spread("stop-app", 10, 0.1, 1.0),
    *in_phases("stop-app", ("parking", 0.02), ("restoring", 0.3), ("accepting", 0.05)),
)
SIGNALLED = (
    *spread("signal in stop-app", 6, 0.2, 1.0, everything=False),
    *in_phases("signal in stop-app", ("restoring", 0.3), ("accepting", 0.05)),
)


class RunningApp:
    """The stage's app, with two replicas whenever a test begins."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._work = contextlib.ExitStack()

    def begin(self) -> None:
        """The old content, and an app that works on it."""
        self.end()
        self._stage.reset()
        app = self._stage.target.objects[0]
        app["metadata"].pop("annotations", None)
        app["spec"]["replicas"] = 2
        self._work.enter_context(MendixOperator(self._stage.target.database, lambda: int(app["spec"]["replicas"])))

    def end(self) -> None:
        """Its sessions are gone."""
        self._work.close()

    def restore(self) -> Running:
        return self._stage.target.start("restore", "-f", self._stage.archive, "--stop-app")

    @property
    def state(self) -> tuple[int, str | None]:
        """Replicas and note."""
        app = self._stage.target.objects[0]
        return app["spec"]["replicas"], app["metadata"].get("annotations", {}).get(NOTE)


@pytest.fixture
def app(stage: Stage) -> Iterator[RunningApp]:
    kubernetes = stage.target.kubernetes
    kubernetes.patchable.add((GROUP, "mendixapps"))
    app = RunningApp(stage)
    try:
        yield app
    finally:
        app.end()
        stage.target.objects[0]["spec"]["replicas"] = 0
        kubernetes.patchable.clear()


def seconds(stage: Stage) -> float:
    return stage.seconds("file", lambda: start_restore(stage, "file")) + STOPPING_SECONDS


@pytest.mark.parametrize("moment", AT_ANY_TIME, ids=str)
def test_a_killed_restore_leaves_an_app_that_runs_on_whole_content_or_one_that_undo_starts(
    stage: Stage, app: RunningApp, moment: Moment
) -> None:
    running, under_way = meet(stage, KILLED, moment, seconds(stage), app.restore, app.begin)
    if under_way:
        kill(running, everything=moment.everything)
    # A pg_restore that outlived the command may be at work for a moment.
    assert app.state in ((2, None), (0, "2"))
    if app.state == (2, None):
        assert stage.phase() is None
    else:
        stage.target.run("restore", "--undo").expect(0)
    assert app.state == (2, None)
    assert stage.phase() is None
    stage.settled()


@pytest.mark.parametrize(("moment", "number"), in_turns(itertools.product(SIGNALLED)))
def test_an_interrupted_restore_leaves_an_app_that_runs_on_whole_content(
    stage: Stage, app: RunningApp, moment: Moment, number: signal.Signals
) -> None:
    kind = f"{number.name} in restore --stop-app"
    running, _ = meet(stage, kind, moment, seconds(stage), app.restore, app.begin)
    running.end(number)
    ended = running.ended()
    assert ended.code in (0, 128 + number, -number), str(ended)
    assert app.state == (2, None), str(ended)
    assert stage.phase() is None
    stage.settled()
