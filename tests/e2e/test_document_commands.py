"""Every command line that the documents show works as it stands there, in a place where its names exist.

What cannot run here is in `NOT_RUN`, with the reason.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from documents.commands import PAGES, ROOT, CommandLine, command_lines
from e2e.environment import LiveEnvironment
from e2e.jump_pod.conftest import Afar, executable
from mxpc.demo.kubernetes_objects import GROUP
from mxpc.demo.postgres import PostgresServer
from mxpc.demo.s3 import S3Server
from standin.cluster_api import ClusterApi
from standin.kubelet import Kubelet
from surroundings import COMMAND, clean_environment

LINES = [line for page in PAGES for line in command_lines(page)]
NAMESPACE = "mendix"
NAMES = ("sample-dev-1b2c3d4e", "sample-acc-5f6a7b8c")
NOT_RUN = {
    r"kubectl get mendixapps .*": "needs kubectl and a cluster: cluster/test_document_commands.py",
    r"kubectl -n mendix patch .*": "needs kubectl and a cluster: cluster/test_document_commands.py",
    r"kubectl -n mendix (cp|exec) .*": "needs a cluster: single_file/test_bare_systems.py runs the program",
    r"kubectl -n mendix create job .*": "needs kubectl and a cluster: cluster/test_document_commands.py",
    r"kubectl -n mendix logs .*": "needs a cluster with nodes",
    r"helm install .*": "needs helm and a cluster: cluster/test_document_commands.py",
    r"docker .*": "needs an engine: image/test_image.py runs what the Dockerfile makes",
    r"tar -xjf .*": "needs a built program: single_file/test_program.py",
    r"pipx install .*": "asks a package index: `make release-check` installs the wheel into an empty environment",
    r"(sha256sum|cosign|gh) .*": "needs a release that somebody made",
    r"man .*": "needs man: unit/cli/test_manual.py looks at the page",
    r"\.venv/bin/python -m benchmarks .*": "takes minutes",
}
AGE = """#!/bin/sh
# Stands in for age, which not every machine has: what it does to our bytes is its own affair.
while [ $# -gt 0 ]; do
  case $1 in
    -r | -i) shift ;;
    -o) shift; exec cat > "$1" ;;
    -d) ;;
    *) exec cat "$1" ;;
  esac
  shift
done
"""


def reasons(line: CommandLine) -> list[str]:
    """Why a line is not run."""
    return [reason for pattern, reason in NOT_RUN.items() if re.fullmatch(pattern, line.text)]


def is_run(line: CommandLine) -> bool:
    return not reasons(line) and line.words[0] != "make"


RUN = [page for page in PAGES if any(map(is_run, command_lines(page)))]


@pytest.fixture
def afar(postgres_15: PostgresServer, s3: S3Server, tmp_path: Path) -> Iterator[Afar]:
    """The environment that the documents speak of and another one, in a cluster that is reached in both ways."""
    with ClusterApi() as api:
        api.patchable.add((GROUP, "mendixapps"))
        dev, acc = (LiveEnvironment(postgres_15, s3, api, tmp_path, namespace=NAMESPACE, name=one) for one in NAMES)
        dev.fill()
        for one in (dev, acc):  # `files` needs an identity that may list
            one.storage_secret["storage-access-key-id"] = s3.admin.access_key_id
            one.storage_secret["storage-secret-access-key"] = s3.admin.secret_access_key
        in_pods = clean_environment(tmp_path / "none", KUBECONFIG=str(api.kubeconfig_path))
        with Kubelet(api, tmp_path / "pods", lambda _: in_pods) as kubelet:
            yield Afar(dev, api, kubelet, tmp_path)


@pytest.fixture
def shell(afar: Afar, tmp_path: Path) -> Shell:
    """In a folder that has what the documents take for granted."""
    folder = tmp_path / "here"
    folder.mkdir()
    afar.live.run("backup", "-n", NAMESPACE, "-e", NAMES[0], "-f", folder / "backup.tar.gz").expect(0)
    executable(folder / "mxpc-backup-restore-cli-linux", f'#!/bin/sh\nexec "{COMMAND}" "$@"\n')
    executable(afar.programs / "age", AGE)
    kubeconfig = afar.api.kubeconfig()
    kubeconfig["contexts"] += [{**kubeconfig["contexts"][0], "name": name} for name in ("kind-old", "kind-new")]
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(kubeconfig), encoding="utf-8")
    return Shell(afar, folder, path)


class Shell:
    """Runs lines one after another in one folder, as bash does."""

    def __init__(self, afar: Afar, folder: Path, kubeconfig: Path) -> None:
        self._folder = folder
        variables = clean_environment(afar.live.home, KUBECONFIG=str(kubeconfig), MXPC_KUBELET=str(afar.kubelet.folder))
        self._variables = variables | {"PATH": f"{afar.programs}:{COMMAND.parent}:{variables['PATH']}"}

    def run(self, line: str) -> str:
        """What it prints; it has to end well."""
        ended = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self._folder,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
        said = ended.stdout.decode(errors="replace")
        assert ended.returncode == 0, f"$ {line}\n{said}exit code {ended.returncode}"
        return said


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_command_lines_work_as_they_stand(page: Path, shell: Shell) -> None:
    for line in filter(is_run, command_lines(page)):
        shell.run(line.text)


@pytest.mark.parametrize("line", [line for line in LINES if line.words[0] == "make"], ids=str)
def test_targets_and_variables_of_make_exist(line: CommandLine) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in line.words[1:]:
        name, given, _ = word.partition("=")
        wanted = rf"\$\([^)]*\b{name}\b" if given else rf"^{name}:"
        assert re.search(wanted, makefile, re.MULTILINE), word


@pytest.mark.parametrize("pattern", NOT_RUN)
def test_nothing_is_excused_that_no_document_shows(pattern: str) -> None:
    assert [line for line in LINES if re.fullmatch(pattern, line.text)]


def test_what_is_excused_names_tests_that_are_there() -> None:
    named = [file for reason in NOT_RUN.values() for file in re.findall(r"[\w/]+\.py", reason)]
    assert [file for file in named if not (ROOT / "tests" / file).exists()] == []


def test_the_tool_is_never_excused() -> None:
    ours = [line for line in LINES if line.words[0] == "mxpc-backup-restore-cli"]
    assert len(ours) > 30
    assert [str(line) for line in ours if not is_run(line)] == []
