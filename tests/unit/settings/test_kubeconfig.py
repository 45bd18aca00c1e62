"""Which kubeconfig, which context, which login."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from mxpc.adapters.kubeconfig import Cluster, ClusterAccess, ExecPlugin, Pem, User, find_access
from mxpc.adapters.kubernetes_login import proxy_for
from mxpc.errors import RequestError


def config(name: str = "one", *, current: str | None = None, user: Any = None, **cluster: Any) -> dict[str, Any]:
    return {
        "current-context": current,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example.com", **cluster}}],
        "users": [{"name": name, "user": {"token": f"hush-{name}"} if user is None else user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


def save(path: Path, content: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    save(tmp_path / "home/.kube/config", config("home", current="home"))
    return {"HOME": str(tmp_path / "home")}


@pytest.fixture
def pod(tmp_path: Path) -> tuple[dict[str, str], Path]:
    for name in ("token", "ca.crt"):
        save(tmp_path / "pod" / name, f"hush-{name}\n")
    return {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path / "pod"


def server(kubeconfig: str | None = None, context: str | None = None, **options: Any) -> str:
    return find_access(kubeconfig, context, **{"env": {}, **options}).cluster.server


def test_option_goes_before_everything(tmp_path: Path, home: dict[str, str], pod: tuple[dict[str, str], Path]) -> None:
    option = save(tmp_path / "option", config("option", current="option"))
    env = home | pod[0] | {"KUBECONFIG": save(tmp_path / "env", config("env", current="env"))}
    assert server(option, env=env, service_account=pod[1]) == "https://option.example.com"
    assert server(env=env, service_account=pod[1]) == "https://env.example.com"
    del env["KUBECONFIG"]
    assert server(env=env, service_account=pod[1]) == "https://home.example.com"
    env["HOME"] = str(tmp_path)
    assert server(env=env, service_account=pod[1]) == "https://[fd00::1]:443"


@pytest.mark.parametrize("there", ["HOME", "HOMEPATH", "USERPROFILE"])
def test_home_folder_is_found_as_kubectl_does_on_windows(tmp_path: Path, there: str) -> None:
    names = {name: tmp_path / name for name in ("HOME", "HOMEPATH", "USERPROFILE")}
    save(names[there] / ".kube/config", config(there, current=there))
    drive, rest = str(names["HOMEPATH"])[:5], str(names["HOMEPATH"])[5:]
    env = {"HOME": str(names["HOME"]), "USERPROFILE": str(names["USERPROFILE"]), "HOMEDRIVE": drive, "HOMEPATH": rest}
    assert server(env=env, service_account=tmp_path) == f"https://{there}.example.com"


def test_user_without_a_home_folder_is_told_so() -> None:
    """A number without an entry in the list of users, as OpenShift gives it to pods."""
    program = (
        "import os, pathlib, sys; from mxpc.adapters.kubeconfig import find_access;"
        "os.setuid(123456789) if os.getuid() == 0 else sys.exit('not root');"
        "find_access(None, None, env={}, service_account=pathlib.Path('/nowhere'))"
    )
    done = subprocess.run([sys.executable, "-c", program], env={}, capture_output=True, text=True, check=False)
    if "not root" in done.stderr:
        pytest.skip("only root can become a user that no list has")
    assert "no kubeconfig was found" in done.stderr
    assert "RuntimeError" not in done.stderr


def test_service_account_of_a_pod(tmp_path: Path, pod: tuple[dict[str, str], Path]) -> None:
    access = find_access(None, None, env={**pod[0], "HOME": str(tmp_path)}, service_account=pod[1])
    assert access == ClusterAccess(
        "the pod's service account",
        Cluster("https://[fd00::1]:443", ca=Pem(path=pod[1] / "ca.crt")),
        User(token_file=pod[1] / "token"),
    )


def test_several_files_are_merged_and_the_first_counts(tmp_path: Path) -> None:
    first = config("shared", server="https://first.example.com")
    second = config("shared", current="late", server="https://second.example.com")
    second["contexts"].append({"name": "late", "context": {"cluster": "shared", "user": "shared"}})
    third = config("third", current="third")
    paths = [save(tmp_path / name, content) for name, content in (("a", first), ("b", second), ("c", third))]
    env = {"KUBECONFIG": ":".join([str(tmp_path / "missing"), "", *paths, paths[0]])}
    assert server(env=env) == "https://first.example.com"
    assert server(None, "third", env=env) == "https://third.example.com"


def test_missing_file_of_the_option_is_an_error(tmp_path: Path, home: dict[str, str]) -> None:
    with pytest.raises(RequestError, match=f"cannot read the kubeconfig {tmp_path}/nowhere"):
        server(str(tmp_path / "nowhere"), env=home)


def test_no_kubeconfig_at_all_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no kubeconfig was found") as refused:
        server(env={"HOME": str(tmp_path)}, service_account=tmp_path / "pod")
    assert f"{tmp_path}/.kube/config" in refused.value.evidence
    assert "--kubeconfig" in refused.value.hint


def test_unknown_context_lists_those_that_there_are(home: dict[str, str]) -> None:
    with pytest.raises(RequestError, match=r"no context other in .*config") as refused:
        server(None, "other", env=home)
    assert refused.value.evidence == "contexts: home"


def test_no_current_context_lists_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="has no current context") as refused:
        server(save(tmp_path / "k", config("one")))
    assert refused.value.evidence == "contexts: one"


@pytest.mark.parametrize("kind", ["cluster", "user"])
def test_context_that_names_something_missing(tmp_path: Path, kind: str) -> None:
    content = config("one", current="one")
    content[f"{kind}s"] = []
    with pytest.raises(RequestError, match=f"names the {kind} one, which the kubeconfig does not have"):
        server(save(tmp_path / "k", content))


@pytest.mark.parametrize("content", ["users: [{token: hush", "- hush", "token: hush: hush", "users:\n- hush", "\0hush"])
def test_broken_file_is_refused_without_being_quoted(tmp_path: Path, content: str) -> None:
    with pytest.raises(RequestError, match="kubeconfig") as refused:
        server(save(tmp_path / "k", content))
    assert "hush" not in "".join(traceback.format_exception(refused.value)) + refused.value.evidence


def test_every_field_arrives_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    cluster = {
        "certificate-authority": "ca.pem",
        "insecure-skip-tls-verify": True,
        "tls-server-name": "kubernetes",
        "proxy-url": "http://proxy:3128",
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"a": 1}}],
    }
    user = {
        "tokenFile": "sub/token",
        "username": "me",
        "password": "hush",
        "client-certificate": "/abs/cert.pem",
        "client-key-data": "aHVzaA==",
        "client-key": "ignored",
        "as": "other",
        "as-groups": ["g1", "g2"],
        "as-user-extra": {"scopes": ["s"]},
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./bin/login",
            "args": ["--token", "hush"],
            "env": [{"name": "A", "value": "hush"}],
            "installHint": "apt install login",
            "interactiveMode": "Never",
            "provideClusterInfo": True,
        },
    }
    folder = tmp_path / "kube"
    access = find_access(save(folder / "config", config("one", current="one", user=user, **cluster)), None, env={})
    assert access.cluster == Cluster(
        "https://one.example.com", Pem(path=folder / "ca.pem"), True, "kubernetes", "http://proxy:3128", {"a": 1}
    )
    assert access.user == User(
        token_file=folder / "sub/token",
        username="me",
        password="hush",
        certificate=Pem(path=Path("/abs/cert.pem")),
        key=Pem(data="aHVzaA=="),
        exec=ExecPlugin(
            "client.authentication.k8s.io/v1", f"{folder}/bin/login", ("--token", "hush"), {"A": "hush"},
            "apt install login", "Never", True,
        ),
        impersonation=(
            ("Impersonate-User", "other"),
            ("Impersonate-Group", "g1"),
            ("Impersonate-Group", "g2"),
            ("Impersonate-Extra-scopes", "s"),
        ),
    )  # fmt: skip
    assert "hush" not in repr(access)


def test_relative_paths_hold_for_a_relative_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "config", config("one", current="one", **{"certificate-authority": "ca.pem"}))
    monkeypatch.chdir(tmp_path)
    assert find_access("config", None, env={}).cluster.ca == Pem(path=tmp_path / "ca.pem")


def test_command_of_a_plugin_without_a_separator_is_looked_up_in_path(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "v", "command": "login"}}
    access = find_access(save(tmp_path / "k", config("one", current="one", user=user)), None, env={})
    assert access.user.exec == ExecPlugin("v", "login")


def test_old_auth_provider_is_refused(tmp_path: Path) -> None:
    content = config("one", current="one", user={"auth-provider": {"name": "gcp", "config": {"token": "hush"}}})
    with pytest.raises(RequestError, match="auth-provider"):
        server(save(tmp_path / "k", content))


def test_context_without_a_user_has_no_login(tmp_path: Path) -> None:
    content = config("one", current="one")
    del content["contexts"][0]["context"]["user"]
    assert find_access(save(tmp_path / "k", content), None, env={}).user == User()


PROXY = {"HTTPS_PROXY": "proxy:3128"}


@pytest.mark.parametrize(
    ("address", "env", "expected"),
    [
        ("https://k.example.com", {}, None),
        ("https://k.example.com", PROXY, "http://proxy:3128"),
        ("https://k.example.com", {"https_proxy": "https://p"}, "https://p"),
        ("http://k.example.com", PROXY, None),
        ("https://k.example.com", PROXY | {"NO_PROXY": "a, .example.com"}, None),
        ("https://k.example.com", PROXY | {"NO_PROXY": "example.com:443"}, None),
        ("https://k.example.com", PROXY | {"no_proxy": "*"}, None),
        ("https://kexample.com", PROXY | {"NO_PROXY": "example.com"}, "http://proxy:3128"),
        ("https://10.96.0.1:443", PROXY | {"NO_PROXY": "10.0.0.0/8,172.16.0.1"}, None),
        ("https://172.16.0.1", PROXY | {"NO_PROXY": "10.0.0.0/8,172.16.0.1"}, None),
        ("https://192.168.0.1", PROXY | {"NO_PROXY": "10.0.0.0/8,example.com"}, "http://proxy:3128"),
        ("https://[fd00::1]:443", PROXY | {"NO_PROXY": "fd00::/8"}, None),
        ("https://127.0.0.1:6443", PROXY, None),
        ("https://localhost:6443", PROXY, None),
    ],
)
def test_proxy_of_the_environment(address: str, env: dict[str, str], expected: str | None) -> None:
    assert proxy_for(ClusterAccess("here", Cluster(address), User()), env) == expected


def test_proxy_of_the_kubeconfig_goes_first() -> None:
    cluster = Cluster("https://k.example.com", proxy_url="http://mine:1")
    assert proxy_for(ClusterAccess("here", cluster, User()), PROXY | {"NO_PROXY": "*"}) == "http://mine:1"
