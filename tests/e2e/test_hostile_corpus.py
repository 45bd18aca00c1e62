"""The corpus of damaged and hostile archives, through the installed command and against a live environment.

Refused archives leave the environment as it was, sound ones bring exactly the good content. The commands run in forks
of one process (`hostile.commands`), because a thousand starts of Python would take minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import MakeEnvironment
from e2e.environment import NAMESPACE, Content, LiveEnvironment
from hostile.corpus import Case, Good, corpus

CASES = {name: case for name, case in corpus().items() if case.live}
REFUSED = [case for case in CASES.values() if not case.sound or case.restore_codes]
SOUND = [case for case in CASES.values() if case.sound and not case.restore_codes]
MARK = 'CREATE TABLE IF NOT EXISTS "not$in$the$backup" (id int)'
MEBIBYTES = 256
"""A command's peak. Some 60 of it are Python and the libraries."""


@dataclass(frozen=True)
class Outcome:
    """What came of one run of the command."""

    arguments: tuple[str, ...]
    code: int
    mebibytes: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"{' '.join(self.arguments)}: exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Commands:
    """The process that forks the commands. One thread uses it."""

    def __init__(self, environment: LiveEnvironment, name: str) -> None:
        self._folder = environment.home / name
        self._folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hostile.commands"],
            env=environment.environment(PYTHONPATH=str(Path(__file__).parents[1])),
            cwd=environment.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, archive: Path, piped: bool) -> Outcome:
        """Run one to its end. The archive is its -f, or its standard input."""
        words = (*arguments, "-f", "-" if piped else str(archive))
        out, err = self._folder / "out", self._folder / "err"
        job = {"arguments": words, "stdin": str(archive) if piped else None, "out": str(out), "err": str(err)}
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(job), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in (out, err)]
        return Outcome(words, answer["code"], answer["mebibytes"], *texts)

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)


@dataclass(frozen=True)
class Stage:
    """A live environment with the good content, and every archive of the corpus as a file."""

    environment: LiveEnvironment
    content: Content
    archives: Path

    def commands(self, name: str) -> Commands:
        return Commands(self.environment, name)

    @property
    def target(self) -> tuple[str, ...]:
        return ("restore", "-n", NAMESPACE, "-e", self.environment.name)


@pytest.fixture(scope="module")
def stage(make_environment: MakeEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """See Stage. At its end no file is where none was."""
    environment = make_environment()
    environment.fill()
    content = environment.content()
    backup = tmp_path_factory.mktemp("backup") / "good.tar.gz"
    environment.run("backup", "-f", backup).expect(0)
    archives = tmp_path_factory.mktemp("corpus")
    good = _good(backup)
    for name, case in CASES.items():
        (archives / name).write_bytes(case.make(good))
    before = _files(environment)
    yield Stage(environment, content, archives)
    assert _files(environment) - before <= {f"{one}{end}" for one in "abcdefgh" for end in ("", "/out", "/err")}


def _good(backup: Path) -> Good:
    contents = {}
    with tarfile.open(backup) as tar:
        for one in tar:
            stream = tar.extractfile(one)
            assert stream
            contents[one.name] = stream.read()
    blobs = {name.rpartition("/")[2]: content for name, content in contents.items() if name.startswith("tree/")}
    return Good(contents["db/db.backup"], blobs)


def _files(environment: LiveEnvironment) -> set[str]:
    """Everything under its home and beside it."""
    folder = environment.home
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} | {
        str(path) for path in folder.parent.iterdir() if path != folder
    }


def test_verify_and_inspect_say_of_each_archive_what_it_is(stage: Stage) -> None:
    with ThreadPoolExecutor(2) as pool:
        cases = list(CASES.values())
        wrong = pool.map(lambda half: list(_read(stage, *half)), (("a", cases[::2]), ("b", cases[1::2])))
        assert [one for half in wrong for one in half] == []


def _read(stage: Stage, name: str, cases: Iterable[Case]) -> Iterator[str]:
    commands = stage.commands(name)
    for case in cases:
        for command in ("verify", "inspect"):
            for piped in (False, True):
                outcome = commands.run(command, archive=stage.archives / case.name, piped=piped)
                yield from _complaints(case, outcome, 0 if case.sound else 4)
    commands.close()


def test_restore_refuses_some_archives_as_files(stage: Stage) -> None:
    """All of them: `test_restore_refuses_each_archive_as_a_file`."""
    _refuse(stage, "c", REFUSED[::4], piped=False)


def test_restore_refuses_some_archives_from_a_pipe(stage: Stage) -> None:
    """All of them: `test_restore_refuses_each_archive_from_a_pipe`."""
    _refuse(stage, "d", REFUSED[::8], piped=True)


def test_restore_brings_the_right_content_from_some_archives(stage: Stage) -> None:
    """All of them: `test_restore_brings_the_right_content_from_each_archive`."""
    _restore(stage, "e", SOUND[::5])


@pytest.mark.faults
def test_restore_refuses_each_archive_as_a_file(stage: Stage) -> None:
    _refuse(stage, "h", REFUSED, piped=False)


@pytest.mark.faults
def test_restore_refuses_each_archive_from_a_pipe(stage: Stage) -> None:
    _refuse(stage, "f", REFUSED, piped=True)


@pytest.mark.faults
def test_restore_brings_the_right_content_from_each_archive(stage: Stage) -> None:
    _restore(stage, "g", SOUND)


def _refuse(stage: Stage, name: str, cases: Iterable[Case], *, piped: bool) -> None:
    """What is in the environment stays, and what no backup has stays as well."""
    stage.environment.execute(MARK)
    content, wrong = stage.environment.content(), []
    commands = stage.commands(name)
    for case in cases:
        outcome = commands.run(*stage.target, archive=stage.archives / case.name, piped=piped)
        wrong += _complaints(case, outcome, *(case.restore_codes or (4,)))
    commands.close()
    assert [*wrong, *content.changes(stage.environment.content())] == []
    assert list(stage.environment.temporary.iterdir()) == []


def _restore(stage: Stage, name: str, cases: Iterable[Case]) -> None:
    """From a file and from a pipe: what was not in the backup is gone, and everything else is there."""
    wrong: list[str] = []
    commands = stage.commands(name)
    for case in cases:
        for piped in (False, True):
            stage.environment.execute(MARK)
            outcome = commands.run(*stage.target, archive=stage.archives / case.name, piped=piped)
            wrong += _complaints(case, outcome, 0)
            wrong += [f"{outcome}: {one}" for one in stage.content.changes(stage.environment.content())]
            if case.extra_count and "belong to no known place" not in outcome.err:
                wrong.append(f"{case.name}: passed over without a word: {outcome}")
    commands.close()
    assert wrong == []
    assert list(stage.environment.temporary.iterdir()) == []


def _complaints(case: Case, outcome: Outcome, *codes: int) -> Iterator[str]:
    """What is not as it should be."""
    said: dict[str, Any] = {"error": "error: " in outcome.err, "hint": "hint: " in outcome.err}
    if outcome.code not in codes:
        yield f"{case.name}: {case.wrong}: {outcome}"
    elif outcome.code and not all(said.values()):
        yield f"{case.name}: error or hint is missing: {outcome}"
    if outcome.code == 4 and not all(word in outcome.err for word in case.words):
        yield f"{case.name}: {case.words} are not all in {outcome}"
    if not _is_plain(outcome.out + outcome.err) or "Traceback" in outcome.err:
        yield f"{case.name}: prints what a terminal obeys, or a traceback: {outcome!r}"
    if outcome.mebibytes > MEBIBYTES:
        yield f"{case.name}: {outcome.mebibytes} MiB: {outcome}"


def _is_plain(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))
