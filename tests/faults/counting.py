"""Counts what really happened to runs that were under way, in all processes of the tests, and shows it at the end."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from xdist.workermanage import WorkerController

SEED = os.environ.get("MXPC_FAULTS_SEED", "1")
"""Of everything that is left to chance; another one looks into other corners."""

COUNTED: Counter[str] = Counter()
"""How many times it happened, by kind."""

_KEY = "faults"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One process of several hands its counts over."""
    if (handed_over := getattr(session.config, "workeroutput", None)) is not None:
        handed_over[_KEY] = dict(COUNTED)


def pytest_testnodedown(node: WorkerController) -> None:
    """A process that crashed hands over nothing."""
    COUNTED.update(getattr(node, "workeroutput", {}).get(_KEY, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many times what happened, and how to have the same again."""
    if COUNTED:
        terminalreporter.section(f"faults (MXPC_FAULTS_SEED={SEED})")
        for kind, count in sorted(COUNTED.items()):
            terminalreporter.write_line(f"{count:5} {kind}")
