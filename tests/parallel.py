"""How a whole run is divided among several processes (pytest-xdist); a narrowed run has one, which does it all.

Each process has servers of its own. The tests of a file stay together, because they share what was made once for all of
them; those that share only servers, or nothing, go wherever there is time.
"""

from __future__ import annotations

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

WAITING = 2
"""Processes beyond one for each core: tests wait for servers and for time-outs half of the time."""
MOST = 8
"""Each takes up to a gigabyte with its servers."""

APART = ("tests/faults/", "tests/e2e/jump_pod/")
"""Where each test stands for itself."""
LAST = ("tests/faults/", "tests/unit/")
"""What is short fills the gaps at the end, when no long file is left."""


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means here."""
    return min(MOST, (os.cpu_count() or 1) + WAITING)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The order in which the files are given away."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.nodeid.startswith(LAST))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """See the module."""
    config.option.loadscopereorder = False
    return Scheduler(config, log)


class Scheduler(LoadScopeScheduling):
    """Gives a process that is done the next file, or the next test of those that stand apart."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(APART) else nodeid.partition("::")[0]
