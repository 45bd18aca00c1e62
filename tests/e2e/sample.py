"""Environments that many tests share, and what must be true of them."""

from __future__ import annotations

import copy
from functools import cached_property
from pathlib import Path

from e2e.environment import Content, LiveEnvironment


class Untouchable:
    """An environment with the sample that no test changes for good."""

    def __init__(self, environment: LiveEnvironment) -> None:
        self.environment = environment
        self.sample = environment.fill()
        self.content = environment.content()
        self._objects = copy.deepcopy(environment.objects)

    def changes(self) -> list[str]:
        """What is different from the beginning, leftovers included; should be nothing."""
        return self.content.changes(self.environment.content())

    def reset(self) -> None:
        """Kubernetes' objects as they were."""
        for current, original in zip(self.environment.objects, copy.deepcopy(self._objects), strict=True):
            current.clear()
            current.update(original)

    @cached_property
    def archive(self) -> Path:
        """A backup of it."""
        path = self.environment.home / "sample.tar.gz"
        self.environment.run("backup", "-f", path).expect(0)
        return path


class Restorable:
    """An environment that every test restores the same sample into."""

    def __init__(self, environment: LiveEnvironment, origin: Untouchable) -> None:
        self.environment = environment
        self._origin = origin

    def differences(self, *, files: bool = True) -> list[str]:
        """What is not as it should be after a restore of the sample; `files`: whether the files came along."""
        keys = self.environment.layout.key
        wanted = {keys(blob): digest for blob, digest in self._origin.sample.blobs.items()} if files else {}
        return Content(self._origin.content.database, wanted).changes(self.environment.content())
