"""An environment in its cluster."""

from __future__ import annotations

from typing import Protocol

from mxpc.model import AppScale, EnvironmentSettings


class EnvironmentSource(Protocol):
    """Where the settings of an environment come from: the Kubernetes API, or a folder of files."""

    def settings(self, *, storage: bool = True) -> EnvironmentSettings:
        """Read everything once; without `storage` the file storage is neither read nor needed.

        Raises RequestError (no such object, missing key, unsupported kind) or KubernetesError.
        """


class AppControl(Protocol):
    """The replicas of an environment's app. One thread.

    What it had before it was stopped is kept with the app itself, in the same write, so that a killed run forgets
    nothing. Nobody else's number is overwritten: every write is refused when the app was changed since it was read, and
    then it is read again. Every method may be repeated.
    """

    def look(self) -> AppScale:
        """What there is now. Raises RequestError or KubernetesError."""

    def check(self) -> None:
        """Find out whether the next of `stop` and `start_again` would be allowed, without doing it.

        Raises CheckRefused naming the missing right.
        """

    def stop(self) -> AppScale:
        """Scale to 0 and note the number from before; returns what there is then.

        An app that is at 0 already is left alone, with the note of an earlier run, if any. Raises CheckRefused when the
        right is missing.
        """

    def start_again(self) -> AppScale:
        """Scale back to the noted number and take the note away; returns what there is then.

        Where somebody has scaled it meanwhile, only the note goes; without a note nothing is done.
        """
