"""How many replicas an environment has, and had before a restore stopped it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Replicas:
    """A number of replicas; None where the MendixApp leaves it to the operator."""

    number: int | None

    @property
    def stopped(self) -> bool:
        return self.number == 0

    def __str__(self) -> str:
        if self.number is None:
            return "the default number of replicas"
        return f"{self.number} replica{'' if self.number == 1 else 's'}"


@dataclass(frozen=True)
class AppScale:
    """What the MendixApp asks for now, and what it asked for before a restore scaled it to 0."""

    now: Replicas
    before_stop: Replicas | None = None
    """Written down with the MendixApp by a restore that stopped it; None when there is no such note."""
