"""Stopping the app around a restore: to 0 replicas, and back once the environment is whole again.

What it had before is noted with the app itself. So the end of a pause asks what is noted, and not what this run
remembers: a run that was killed is ended by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mxpc.errors import HalfwayError, Interrupted, ToolError
from mxpc.model import AppFacts, AppScale, Environment, Replicas
from mxpc.ports import AppControl, TargetDatabase
from mxpc.progress import Progress, Task
from mxpc.workflows.plan import RestoreOptions

QUIET_LOOKS = 3
"""So many looks one after the other must find nobody: an app that shuts down drops its pool and may come once more."""


class AppPause:
    """One thread. Leaves the app alone where no stop was asked for, and none of an earlier run is noted."""

    def __init__(
        self,
        environment: Environment,
        app: AppFacts,
        control: AppControl | None,
        target: TargetDatabase,
        options: RestoreOptions,
        progress: Progress,
    ) -> None:
        self._environment = environment
        self._control = control if options.stop_app or app.before_stop else None
        self._target = target
        self._options = options
        self._progress = progress
        self._unsettled = False
        """Whether there may be a stop to be ended: one was begun, or that of an earlier run is noted."""
        self._noted = False
        """Whether the note was seen."""
        self.scaled_back_to: Replicas | None = None
        """What it was scaled back to at the end."""

    def look(self) -> AppScale | None:
        """What there is now; None where the app is left alone."""
        return self._control.look() if self._control else None

    def check(self) -> None:
        """Raises CheckRefused when the app may not be stopped. Changes nothing."""
        if self._control and self._options.stop_app:
            self._control.check()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stopped while inside, if that was asked for; afterwards scaled back, but not an environment that is half-way.

        Raises HalfwayError when it stays at 0 replicas.
        """
        if not self._control:
            yield
            return
        try:
            self._begin(self._control)
            yield
        except HalfwayError as cause:
            if not self._unsettled:
                raise
            raise self._stays_stopped(cause) from cause
        except BaseException as cause:
            self._end(self._control, cause)
            raise
        self._end(self._control, None)

    # ------------------------------------------------------------------------------------------------------ beginning

    def _begin(self, control: AppControl) -> None:
        if self._options.stop_app:
            before = control.look()
            if before.now.stopped:
                # There is nothing to write now, and without the right it would come out at the end.
                control.check()
            # From here on it may be at 0, whatever comes between.
            self._unsettled = True
            self._unsettled = self._noted = control.stop().before_stop is not None
            self._wait(QUIET_LOOKS if not before.now.stopped else 1)
            return
        scale = control.look()
        if scale.before_stop is None:
            return
        if scale.now.stopped:
            self._unsettled = self._noted = True
            self._progress.warned(
                f"an earlier restore stopped {self._environment.name}; it is scaled back to {scale.before_stop} "
                "when this one is done"
            )
        else:
            self._forget(control, scale)

    def _forget(self, control: AppControl, scale: AppScale) -> None:
        """A person has scaled it since: that number counts, and nobody needs the note any more."""
        self._progress.warned(
            f"an earlier restore stopped {self._environment.name}; somebody has scaled it to {scale.now} since, "
            "which is left as it is"
        )
        try:
            control.start_again()
        except ToolError as cause:
            self._progress.noted(f"the note of that restore stays with the app: {cause.what}")

    def _wait(self, quiet_looks: int) -> None:
        """Until nobody is in the database any more, or the time is up: then the checks of the restore judge."""
        self._progress.started(Task.STOP_APP)
        deadline = time.monotonic() + self._options.stop_timeout
        quiet = 0
        while (quiet := 0 if (there := self._target.other_sessions()) else quiet + 1) < quiet_looks:
            if there and time.monotonic() > deadline:
                self._progress.warned(
                    f"{self._environment.name} was scaled to 0, and {len(there)} session(s) are in the database still "
                    f"after {self._options.stop_timeout:.0f} s (--stop-timeout)"
                )
                return
            time.sleep(self._options.look_seconds)
        self._progress.finished(Task.STOP_APP)

    # --------------------------------------------------------------------------------------------------------- ending

    def _end(self, control: AppControl, cause: BaseException | None) -> None:
        """An interruption, which comes once, does not leave the app at 0."""
        try:
            self._settle(control, cause)
        except Interrupted:
            self._settle(control, cause)
            if cause is None:
                self._progress.warned("the restore itself is done: the new content is in place, and stays")
            raise

    def _settle(self, control: AppControl, cause: BaseException | None) -> None:
        if not self._unsettled:
            return
        try:
            noted = control.look().before_stop
            if noted is None:
                self._tell_vanished()
            elif self._target.facts().interrupted:
                raise self._left(cause, "its content is half-way")
            else:
                self._progress.started(Task.START_APP)
                self._tell(noted, control.start_again())
        except HalfwayError:
            raise
        except ToolError as error:
            if self._options.stop_app:
                raise self._left(cause, error.what) from error
            self._progress.warned(f"{self._environment.name}, which an earlier restore stopped, stays so: {error.what}")
        self._unsettled = False

    def _tell_vanished(self) -> None:
        if self._noted:
            self._progress.warned(
                f"somebody took away the note of how many replicas {self._environment.name} had; it is left as it is"
            )

    def _tell(self, noted: Replicas, after: AppScale) -> None:
        if after.now == noted:
            self.scaled_back_to = noted
            self._progress.finished(Task.START_APP)
        else:
            self._progress.warned(
                f"somebody scaled {self._environment.name} to {after.now} meanwhile, which is left as it is "
                f"(it had {noted})"
            )

    def _left(self, cause: BaseException | None, reason: str) -> HalfwayError:
        ended = "the work is done" if cause is None else f"it failed ({_words(cause)})"
        return HalfwayError(
            f"{ended}, and the environment {self._environment.name} stays at 0 replicas",
            evidence=reason,
            hint=self._way_back(),
        )

    def _stays_stopped(self, cause: HalfwayError) -> HalfwayError:
        return HalfwayError(
            cause.what,
            evidence=cause.evidence,
            hint=f"{cause.hint}\nThe environment stays at 0 replicas until then: it must not run on this. "
            "The command that puts it right scales it back.",
        )

    def _way_back(self) -> str:
        name, namespace = self._environment.name, self._environment.namespace
        return (
            f"How many it had is noted with the MendixApp: `restore -n {namespace} -e {name} --undo` looks after the "
            "content and scales it back. Undoing a restore that is done changes no content."
        )


def _words(cause: BaseException) -> str:
    return cause.what if isinstance(cause, ToolError) else str(cause) or type(cause).__name__
