"""An app in memory that can be stopped, with people who scale it at the worst moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fakes.database import Fault, no_fault
from mxpc.model import AppScale, Replicas


@dataclass
class MemoryApp:
    """An AppControl. `meanwhile` is called before a write, as the person who is quicker."""

    scale: AppScale
    fault: Fault = no_fault
    meanwhile: Callable[[str], None] = no_fault
    steps: list[str] = field(default_factory=list)

    def look(self) -> AppScale:
        self.fault("look")
        return self.scale

    def check(self) -> None:
        self.fault("check")

    def stop(self) -> AppScale:
        self._step("stop")
        if not self.scale.now.stopped:
            self.scale = AppScale(Replicas(0), before_stop=self.scale.now)
        self.fault("stopped")
        return self.scale

    def start_again(self) -> AppScale:
        self._step("start_again")
        if self.scale.before_stop:
            now = self.scale.before_stop if self.scale.now.stopped else self.scale.now
            self.scale = AppScale(now)
        self.fault("started")
        return self.scale

    def _step(self, name: str) -> None:
        self.steps.append(name)
        self.fault(name)
        self.meanwhile(name)
