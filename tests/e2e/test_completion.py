"""Completion where people meet it: in a terminal of each shell, and in the words that kubectl asks in."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from mxpc.demo.kubernetes_api import Fault, KubernetesApi
from mxpc.demo.kubernetes_objects import GROUP, environment_objects
from surroundings import COMMAND, clean_environment

Ask = Callable[..., tuple[list[str], str]]
PROGRAM = "mxpc-backup-restore-cli"
LONGEST = 20.0
"""Seconds; what hangs in these tests hangs for much longer."""

SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], f"source <({PROGRAM} completion bash)"),
    "zsh": (["-f", "-i"], f"autoload -U compinit; compinit -u; source <({PROGRAM} completion zsh)"),
    "fish": (["--no-config", "-i"], f"{PROGRAM} completion fish | source"),
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program under all of its names, as an installation makes them and links do as well."""
    folder = tmp_path_factory.mktemp("programs")
    for name in (PROGRAM, "kubectl-mxpc", "kubectl_complete-mxpc"):
        (folder / name).symlink_to(COMMAND)
    return folder


def variables(programs: Path, home: Path, **more: str) -> dict[str, str]:
    """With these programs first on the PATH."""
    environment = clean_environment(home, **more)
    return environment | {"PATH": f"{programs}:{environment['PATH']}"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[KubernetesApi]:
    """Two namespaces; who logs in may list them and what is in them."""
    objects = [
        *environment_objects("mendix-apps", "shop-dev-1b2c3d4e", {}, {}),
        *environment_objects("mendix-apps", "stock-dev-2c3d4e5f", {}, {}),
        *environment_objects("other", "elsewhere", {}, {}),
    ]
    with KubernetesApi(objects) as api:
        yield api


@pytest.fixture
def api(cluster: KubernetesApi) -> Iterator[KubernetesApi]:
    cluster.listable |= {("", "namespaces"), (GROUP, "mendixapps")}
    yield cluster
    cluster.listable.clear()


class Terminal:
    """A person at a shell that has sourced our script."""

    def __init__(self, shell: str, programs: Path, home: Path, kubeconfig: Path) -> None:
        program = shutil.which(shell)
        if program is None:
            pytest.skip(f"there is no {shell}")
        options, self._setup = SHELLS[shell]
        environment = variables(programs, home, KUBECONFIG=str(kubeconfig), TERM="dumb", PS1="$ ")
        pid, self._master = pty.fork()
        if pid == 0:
            os.chdir(home)
            os.execve(program, [shell, *options], environment)
        self._pid = pid

    def __enter__(self) -> Terminal:
        self._type(f"{self._setup}\necho rea''dy\n")
        self._read_until("ready\r")
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._master)

    def completed(self, line: str) -> str:
        """The line after the tab key was pressed, without blanks at its end."""
        # Ctrl-A goes to the beginning, Enter lets echo say what the line has become.
        self._type(f"{line}\t")
        time.sleep(0.2)
        self._type("\x01echo sho''wn: \n")
        return self._read_until("\n", after="shown: ").strip()

    def _type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _read_until(self, end: str, after: str = "") -> str:
        screen, deadline = "", time.monotonic() + LONGEST
        while end not in screen.partition(after)[2] if after else end not in screen:
            ready = select.select([self._master], [], [], max(deadline - time.monotonic(), 0))[0]
            assert ready, f"nothing more came after:\n{screen}"
            screen += os.read(self._master, 1 << 16).decode(errors="replace")
        return (screen.partition(after)[2] if after else screen).partition(end)[0]


@pytest.fixture(params=list(SHELLS))
def terminal(
    request: pytest.FixtureRequest, programs: Path, tmp_path: Path, cluster: KubernetesApi
) -> Iterator[Terminal]:
    with Terminal(request.param, programs, tmp_path, cluster.kubeconfig_path) as opened:
        yield opened


def test_commands_options_and_choices_are_completed(terminal: Terminal) -> None:
    assert terminal.completed(f"{PROGRAM} rest") == f"{PROGRAM} restore"
    assert terminal.completed(f"{PROGRAM} restore --stop-a") == f"{PROGRAM} restore --stop-app"
    assert terminal.completed(f"{PROGRAM} backup --only dat") == f"{PROGRAM} backup --only database"


def test_files_and_folders_are_completed(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "nightly.tar.gz").touch()
    (tmp_path / "credentials").mkdir()
    assert terminal.completed(f"{PROGRAM} verify -f nigh") == f"{PROGRAM} verify -f nightly.tar.gz"
    # Shells do not agree on whether the slash at the end is to be seen.
    line = terminal.completed(f"{PROGRAM} backup --credentials-dir cre")
    assert line.removesuffix("/") == f"{PROGRAM} backup --credentials-dir credentials"


def test_namespaces_and_environments_are_completed(terminal: Terminal, api: KubernetesApi) -> None:
    assert terminal.completed(f"{PROGRAM} backup -n men") == f"{PROGRAM} backup -n mendix-apps"
    assert terminal.completed(f"{PROGRAM} backup -n mendix-apps -e sh") == (
        f"{PROGRAM} backup -n mendix-apps -e shop-dev-1b2c3d4e"
    )


def test_without_the_right_to_list_nothing_happens(terminal: Terminal) -> None:
    assert terminal.completed(f"{PROGRAM} backup -n men") == f"{PROGRAM} backup -n men"


# ------------------------------------------------------------------------------------------------------------- kubectl


@pytest.fixture
def ask_kubectl(programs: Path, tmp_path: Path, cluster: KubernetesApi) -> Ask:
    """Asks as kubectl does; returns the suggestions and the directive."""

    def ask(*words: str, **env: str) -> tuple[list[str], str]:
        environment = variables(programs, tmp_path, **{"KUBECONFIG": str(cluster.kubeconfig_path), **env})
        done = subprocess.run(
            [programs / "kubectl_complete-mxpc", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=LONGEST,
        )
        assert done.stderr == ""
        *suggestions, directive = done.stdout.splitlines()
        return [one.partition("\t")[0] for one in suggestions], directive

    return ask


def test_kubectl_is_told_commands(ask_kubectl: Ask) -> None:
    suggestions, directive = ask_kubectl("re")
    assert (suggestions, directive) == (["restore"], ":4")


def test_kubectl_is_told_to_complete_files_and_folders(ask_kubectl: Ask) -> None:
    assert ask_kubectl("backup", "-f", "back") == ([], ":0")
    assert ask_kubectl("backup", "--credentials-dir", "") == ([], ":16")


def test_kubectl_is_told_the_environments_of_the_namespace(ask_kubectl: Ask, api: KubernetesApi) -> None:
    expected = ["shop-dev-1b2c3d4e", "stock-dev-2c3d4e5f"]
    assert ask_kubectl("restore", "-n", "mendix-apps", "-e", "") == (expected, ":4")
    assert ask_kubectl("restore", "-n", "mendix-apps", "-e", "st") == (expected[1:], ":4")
    assert ask_kubectl("restore", "-e", "st") == ([], ":4")


@pytest.mark.parametrize("fault", [Fault(delay=60), Fault(status=500), Fault(drop=True)], ids=["hangs", "500", "drops"])
def test_an_api_that_fails_or_hangs_is_passed_over_in_silence(
    ask_kubectl: Ask, api: KubernetesApi, fault: Fault
) -> None:
    api.inject(fault)
    assert ask_kubectl("restore", "-n", "men") == ([], ":4")


def test_no_kubeconfig_is_passed_over_in_silence(ask_kubectl: Ask, tmp_path: Path) -> None:
    assert ask_kubectl("restore", "-n", "", KUBECONFIG=str(tmp_path / "none")) == ([], ":4")


def test_credentials_from_a_folder_mean_that_kubernetes_is_not_called(ask_kubectl: Ask, api: KubernetesApi) -> None:
    asked = len(api.requests)
    assert ask_kubectl("restore", "--credentials-dir", ".", "-n", "") == ([], ":4")
    assert len(api.requests) == asked


def test_a_login_plugin_neither_asks_nor_tells(ask_kubectl: Ask, api: KubernetesApi, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\necho who are you >&2\nread name\n")
    plugin.chmod(0o700)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)}}
    user["exec"]["interactiveMode"] = "IfAvailable"
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps(api.kubeconfig(user)))
    assert ask_kubectl("restore", "-n", "", KUBECONFIG=str(config)) == ([], ":4")


# --------------------------------------------------------------------------------------------------- the kubectl plugin


@pytest.mark.parametrize(("name", "called"), [(PROGRAM, PROGRAM), ("kubectl-mxpc", "kubectl mxpc")])
def test_the_program_calls_itself_as_it_was_called(programs: Path, tmp_path: Path, name: str, called: str) -> None:
    def told(*words: str) -> str:
        environment = variables(programs, tmp_path)
        return subprocess.run(
            [programs / name, *words], env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert told("backup", "--help").startswith(f"Usage: {called} backup ")
    assert told("--version").startswith(f"{called} 0.")


def test_an_installation_has_all_three_names() -> None:
    names = {one.name for one in entry_points(group="console_scripts") if one.value == "mxpc.cli:main"}
    assert names == {PROGRAM, "kubectl-mxpc", "kubectl_complete-mxpc"}
