"""The whole corpus is read by a process with bounds: each outcome is the expected one, and none takes too much."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hostile.corpus import ASSETS, Case, Good, corpus
from hostile.making import BLOB

CORPUS = corpus()
SECONDS = 90
"""For one archive. The slowest takes six on an idle machine."""

GOOD = Good(
    (ASSETS / "dumps" / "pg15-Z0.backup").read_bytes(),
    {BLOB: b"Hello, world!" * 500, "ffffffff-0000-4000-8000-000000000001": b"x" * 5000},
)
CONTENT = {
    "dump": hashlib.sha256(GOOD.dump).hexdigest(),
    **{blob: hashlib.sha256(content).hexdigest() for blob, content in GOOD.blobs.items()},
}

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured on Linux")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the process said of each archive."""
    folder, elsewhere = tmp_path_factory.mktemp("corpus"), tmp_path_factory.mktemp("elsewhere")
    for case in CORPUS.values():
        (folder / case.name).write_bytes(case.make(GOOD))
    tests = str(Path(__file__).parents[1])
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "hostile.reading", str(folder)],
        env={"PATH": os.defpath, "PYTHONPATH": tests, "HOME": str(elsewhere), "TMPDIR": str(elsewhere)},
        cwd=elsewhere,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-3000:]
    assert list(elsewhere.iterdir()) == [], "nothing from an archive becomes a file"
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    return {one["name"]: one for one in found}


def test_corpus_is_big_enough() -> None:
    assert len(CORPUS) >= 150
    assert sum(not case.sound for case in CORPUS.values()) >= 100
    assert all(case.words for case in CORPUS.values() if not case.sound)


@pytest.mark.parametrize("case", CORPUS.values(), ids=list(CORPUS))
def test_outcome_is_refusal_or_the_right_content(case: Case, outcomes: dict[str, dict[str, Any]]) -> None:
    outcome = outcomes[case.name]
    assert "escaped" not in outcome, outcome
    _check_sound(case, outcome) if case.sound else _check_refused(case, outcome)
    assert outcome["mebibytes"] <= case.mebibytes, outcome
    assert outcome["seconds"] <= SECONDS, outcome


def _check_refused(case: Case, outcome: dict[str, Any]) -> None:
    assert "error" in outcome, f"{case.wrong}: was read without a word: {outcome}"
    for word in case.words:
        assert word in outcome["error"]
    assert outcome["hint"]
    assert len(outcome["error"]) < 2000
    assert all(line.isprintable() for line in outcome["error"].split("\n"))


def _check_sound(case: Case, outcome: dict[str, Any]) -> None:
    assert "error" not in outcome, outcome
    assert any(case.note in note for note in outcome["notes"]) if case.note else not outcome["notes"]
    assert outcome["extra_count"] == case.extra_count
    assert all(name.isprintable() for name in outcome["extras"])
    assert all(text.isprintable() for pair in (outcome["metadata"] or {}).items() for text in pair)
    if case.same_content and outcome["content"] is not None:
        assert outcome["content"] == CONTENT
