"""Settings from a Kubernetes API over HTTPS that gives nothing but single named objects."""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mxpc.adapters.credentials import SecretOverrides
from mxpc.adapters.kubernetes import KubernetesSource
from mxpc.adapters.kubernetes_client import Retries
from mxpc.demo.kubernetes_api import Fault, KubernetesApi
from mxpc.demo.kubernetes_objects import environment_objects
from mxpc.errors import KubernetesError, RequestError, ToolError
from mxpc.model import Environment, EnvironmentSettings, KeyLayout

NAMESPACE, NAME = "mendix", "sample-dev-1b2c3d4e"
PASSWORD = "hush p@ss/w:rd %20 \"x'"
DATABASE = {
    "database-type": "PostgreSQL",
    "database-jdbc-url": f"jdbc:postgresql://pg.example.com:5432/{NAME}?sslmode=prefer",
    "database-host": "pg.example.com:5432",
    "database-name": NAME,
    "database-username": NAME,
    "database-password": PASSWORD,
}
STORAGE = {
    "storage-service-name": "com.mendix.storage.s3",
    "storage-endpoint": "http://minio:9000",
    "storage-access-key-id": NAME,
    "storage-secret-access-key": "hush-secret",
    "storage-bucket-name": NAME,
    "storage-perform-delete": "true",
}
QUICK = Retries(first_pause=0.001)
PLUGIN = """\
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
with open(os.environ["LOG"], "a") as log:
    log.write(json.dumps({"info": info, "args": sys.argv[1:]}) + chr(10))
status = json.loads(open(os.environ["STATUS"]).read())
print(json.dumps({"kind": "ExecCredential", "apiVersion": info["apiVersion"], "status": status}))
"""


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with KubernetesApi(environment_objects(NAMESPACE, NAME, DATABASE, STORAGE)) as server:
        yield server


def read(
    kubeconfig: Path | str | None,
    *,
    name: str = NAME,
    namespace: str = NAMESPACE,
    storage: bool = True,
    **options: Any,
) -> EnvironmentSettings:
    path = str(kubeconfig) if kubeconfig else None
    chosen: dict[str, Any] = {"env": {}, "retries": QUICK, **options}
    return KubernetesSource(Environment(namespace, name), kubeconfig=path, **chosen).settings(storage=storage)


def refusal(kubeconfig: Path | str | None, **options: Any) -> ToolError:
    """The error, after a look at all its texts for secrets."""
    with pytest.raises(ToolError) as refused:
        read(kubeconfig, **options)
    shown = "".join(traceback.format_exception(refused.value)) + refused.value.evidence + refused.value.hint
    assert "hush" not in shown
    return refused.value


def save(path: Path, content: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


def find(api: KubernetesApi, kind: str, ending: str = "") -> dict[str, Any]:
    return next(item for item in api.objects if item["kind"] == kind and item["metadata"]["name"].endswith(ending))


def paths(api: KubernetesApi) -> list[str]:
    return [path.split(f"/namespaces/{NAMESPACE}/")[1] for _, path in api.requests]


def bearer(api: KubernetesApi) -> list[str | None]:
    return [headers.get("Authorization") for headers in api.headers]


# -------------------------------------------------------------------------------------------------------- the objects


def test_five_gets_of_named_objects_give_everything(api: KubernetesApi) -> None:
    settings = read(api.kubeconfig_path)
    assert settings.database.password == PASSWORD
    assert settings.storage
    assert (settings.storage.bucket, settings.storage.layout) == (NAME, KeyLayout())
    assert (settings.app.replicas, settings.app.model_version) == (0, "1.0.0.40")
    assert {verb for verb, _ in api.requests} == {"get"}
    assert paths(api) == [
        f"mendixapps/{NAME}",
        f"storageinstances/{NAME}-database",
        f"secrets/{NAME}-database",
        f"storageinstances/{NAME}-file",
        f"secrets/{NAME}-file",
    ]
    assert api.url in settings.notes[0]


def test_storage_is_not_read_when_it_is_not_asked_for(api: KubernetesApi) -> None:
    api.objects = [item for item in api.objects if not item["metadata"]["name"].endswith("-file")]
    assert read(api.kubeconfig_path, storage=False).storage is None
    assert len(api.requests) == 3


def test_secret_that_the_storage_instance_names_is_taken(api: KubernetesApi) -> None:
    find(api, "StorageInstance", "-database")["status"]["secretRef"] = {"name": "other"}
    find(api, "Secret", "-database")["metadata"]["name"] = "other"
    notes = read(api.kubeconfig_path).notes
    assert any("database Secret other: named by status.secretRef" in note for note in notes)


def test_storage_instance_that_does_not_exist_is_no_error(api: KubernetesApi) -> None:
    api.objects = [item for item in api.objects if item["kind"] != "StorageInstance"]
    settings = read(api.kubeconfig_path)
    assert any(f"there is no StorageInstance {NAME}-file" in note for note in settings.notes)


def test_overrides_go_first_and_need_no_storage_instance(api: KubernetesApi) -> None:
    find(api, "Secret", "-database")["metadata"]["name"] = "mine"
    find(api, "Secret", "-file")["metadata"]["name"] = "yours"
    read(api.kubeconfig_path, overrides=SecretOverrides(database="mine", storage="yours"))
    assert paths(api) == [f"mendixapps/{NAME}", "secrets/mine", "secrets/yours"]


def test_missing_environment_says_where_it_was_looked_for(api: KubernetesApi) -> None:
    error = refusal(api.kubeconfig_path, name="nope")
    assert isinstance(error, RequestError)
    assert str(error) == f"there is no MendixApp nope in namespace {NAMESPACE}"
    assert f"{api.url} (context demo of {api.kubeconfig_path})" in error.evidence
    assert f"kubectl get mendixapps -n {NAMESPACE}" in error.hint


def test_missing_namespace_is_named(api: KubernetesApi) -> None:
    error = refusal(api.kubeconfig_path, namespace="nowhere")
    assert isinstance(error, RequestError)
    assert "namespace nowhere" in str(error)


@pytest.mark.parametrize("part", ["database", "file"])
def test_missing_secret_is_named_with_the_rule_and_the_option(api: KubernetesApi, part: str) -> None:
    api.objects.remove(find(api, "Secret", f"-{part}"))
    error = refusal(api.kubeconfig_path)
    assert isinstance(error, RequestError)
    assert str(error) == f"there is no Secret {NAME}-{part} in namespace {NAMESPACE}"
    assert f"named like StorageInstance {NAME}-{part}" in error.evidence
    assert ("--database-secret" if part == "database" else "--storage-secret") in error.hint
    assert "--credentials-dir" not in error.hint


def test_missing_secret_of_an_environment_with_a_secret_store(api: KubernetesApi) -> None:
    find(api, "MendixApp")["spec"]["allowOverrideSecretsWithSecretStoreCSIDriver"] = True
    api.objects.remove(find(api, "Secret", "-database"))
    assert "--credentials-dir" in refusal(api.kubeconfig_path).hint


def test_missing_key_names_key_secret_and_namespace(api: KubernetesApi) -> None:
    find(api, "Secret", "-file")["stringData"]["storage-endpoint"] = ""
    error = refusal(api.kubeconfig_path)
    assert isinstance(error, RequestError)
    assert str(error) == f"storage-endpoint is empty in Secret {NAME}-file in namespace {NAMESPACE}"


def test_secret_without_data_is_missing_its_keys(api: KubernetesApi) -> None:
    del find(api, "Secret", "-database")["stringData"]
    assert "database-type is missing" in str(refusal(api.kubeconfig_path))


def test_value_that_is_no_text_is_refused(api: KubernetesApi) -> None:
    secret = find(api, "Secret", "-database")
    secret["data"] = {"unrelated": base64.b64encode(b"\xff").decode()}
    assert read(api.kubeconfig_path)
    del secret["stringData"]["database-password"]
    secret["data"]["database-password"] = base64.b64encode(b"\xff").decode()
    assert "database-password of Secret" in str(refusal(api.kubeconfig_path))


@pytest.mark.parametrize("options", [{"name": "../x"}, {"namespace": "a/b"}, {"name": "A"}, {"name": ""}])
def test_what_is_no_object_name_is_never_asked_for(api: KubernetesApi, options: dict[str, str]) -> None:
    assert "not a name that Kubernetes allows" in str(refusal(api.kubeconfig_path, **options))
    assert api.requests == []


# --------------------------------------------------------------------------------------------------------- the logins


def test_token(api: KubernetesApi) -> None:
    read(api.kubeconfig_path)
    assert set(bearer(api)) == {f"Bearer {api.token}"}


def test_token_file_beside_the_kubeconfig_is_read_again_when_it_is_refused(api: KubernetesApi, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{api.token}\n")
    read(save(tmp_path / "k", api.kubeconfig({"tokenFile": "token"})))
    (tmp_path / "token").write_text("old")
    error = refusal(tmp_path / "k")
    assert "401" in error.evidence
    assert bearer(api)[-2:] == ["Bearer old", "Bearer old"]


def test_user_name_and_password_are_sent(api: KubernetesApi, tmp_path: Path) -> None:
    error = refusal(save(tmp_path / "k", api.kubeconfig({"username": "me", "password": "hush"})))
    assert isinstance(error, KubernetesError)
    assert bearer(api) == ["Basic " + base64.b64encode(b"me:hush").decode()]


@pytest.mark.parametrize("as_data", [True, False])
def test_client_certificate(api: KubernetesApi, tmp_path: Path, as_data: bool) -> None:
    user = {}
    for key, content in zip(("client-certificate", "client-key"), api.client_certificate("me"), strict=True):
        (tmp_path / key).write_bytes(content)
        user |= {f"{key}-data": base64.b64encode(content).decode()} if as_data else {key: key}
    read(save(tmp_path / "k", api.kubeconfig(user)))
    assert set(bearer(api)) == {None}


def test_key_that_does_not_fit_is_refused(api: KubernetesApi, tmp_path: Path) -> None:
    certificate, key = api.client_certificate()[0], api.client_certificate()[1]
    encoded = [base64.b64encode(content).decode() for content in (certificate, key)]
    user = {"client-certificate-data": encoded[0], "client-key-data": encoded[1]}
    assert "client certificate" in str(refusal(save(tmp_path / "k", api.kubeconfig(user))))


@pytest.mark.parametrize("folder", ["tmp", "shm"])
def test_client_key_leaves_no_file_behind(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    scratch = tmp_path / folder
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    encoded = [base64.b64encode(content).decode() for content in api.client_certificate()]
    read(save(tmp_path / "k", api.kubeconfig({"client-certificate-data": encoded[0], "client-key-data": encoded[1]})))
    assert list(scratch.iterdir()) == []


def test_impersonation_headers_are_sent(api: KubernetesApi, tmp_path: Path) -> None:
    read(save(tmp_path / "k", api.kubeconfig({"token": api.token, "as": "other", "as-groups": ["a", "b"]})))
    assert api.headers[0]["Impersonate-User"] == "other"


def test_service_account_of_a_pod(api: KubernetesApi, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(api.token)
    (tmp_path / "ca.crt").write_bytes(api.authority_pem)
    env = {
        "HOME": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(api.port),
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    settings = read(None, env=env, service_account=tmp_path)
    assert settings.notes[0] == f"Kubernetes API {api.url}, the pod's service account"


def test_kubeconfig_variable_with_several_files(api: KubernetesApi, tmp_path: Path) -> None:
    whole = api.kubeconfig()
    users = save(tmp_path / "users", {"users": whole.pop("users")})
    env = {"KUBECONFIG": f"{users}:{save(tmp_path / 'rest', whole)}"}
    assert read(None, env=env).database.password == PASSWORD


# ------------------------------------------------------------------------------------------------------- exec plugins


class Plugin:
    """A login program in a folder, and the kubeconfig that names it."""

    def __init__(self, api: KubernetesApi, folder: Path, version: str = "v1", **options: Any) -> None:
        self.folder, self.log, self.status = folder, folder / "log", folder / "status"
        script = folder / "login"
        script.write_text(f"#!{sys.executable}\n{PLUGIN}")
        script.chmod(0o700)
        self.answer(token=api.token)
        env = [{"name": "LOG", "value": str(self.log)}, {"name": "STATUS", "value": str(self.status)}]
        plugin = {"apiVersion": f"client.authentication.k8s.io/{version}", "command": "./login", "env": env, **options}
        self.kubeconfig = save(folder / "kubeconfig", api.kubeconfig({"exec": plugin}))

    def answer(self, **status: str) -> None:
        self.status.write_text(json.dumps(status))

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_plugin_gives_a_token_once(api: KubernetesApi, tmp_path: Path, version: str) -> None:
    plugin = Plugin(api, tmp_path, version, args=["get-token"], interactiveMode="Never")
    read(plugin.kubeconfig, env={"PATH": "/usr/bin:/bin"})
    call = {
        "info": {
            "kind": "ExecCredential",
            "apiVersion": f"client.authentication.k8s.io/{version}",
            "spec": {"interactive": False},
        },
        "args": ["get-token"],
    }
    assert plugin.calls() == [call]
    assert set(bearer(api)) == {f"Bearer {api.token}"}


def test_plugin_is_told_of_the_cluster_when_it_asks(api: KubernetesApi, tmp_path: Path) -> None:
    plugin = Plugin(api, tmp_path, provideClusterInfo=True, interactiveMode="Never")
    read(plugin.kubeconfig)
    authority = base64.b64encode(api.authority_pem).decode()
    assert plugin.calls()[0]["info"]["spec"]["cluster"] == {
        "server": api.url,
        "certificate-authority-data": authority,
    }


def test_plugin_gives_a_client_certificate(api: KubernetesApi, tmp_path: Path) -> None:
    plugin = Plugin(api, tmp_path, interactiveMode="Never")
    certificate, key = api.client_certificate("me")
    plugin.answer(clientCertificateData=certificate.decode(), clientKeyData=key.decode())
    read(plugin.kubeconfig)
    assert set(bearer(api)) == {None}


def test_plugin_is_asked_again_when_its_token_has_expired(api: KubernetesApi, tmp_path: Path) -> None:
    plugin = Plugin(api, tmp_path, interactiveMode="Never")
    plugin.answer(token="hush-old")
    assert "401" in refusal(plugin.kubeconfig).evidence
    assert len(plugin.calls()) == 2


def test_plugin_found_in_path(api: KubernetesApi, tmp_path: Path) -> None:
    plugin = Plugin(api, tmp_path, command="login", interactiveMode="Never")
    read(plugin.kubeconfig, env={"PATH": f"/nowhere:{tmp_path}"})


def test_missing_plugin_shows_its_install_hint(api: KubernetesApi, tmp_path: Path) -> None:
    plugin = Plugin(api, tmp_path, command="no-such-login", installHint="Install it from the shop.")
    error = refusal(plugin.kubeconfig, env={"PATH": "/usr/bin:/bin"})
    assert isinstance(error, RequestError)
    assert "no-such-login" in str(error)
    assert error.hint == "Install it from the shop."


def test_failing_plugin_shows_its_words(api: KubernetesApi, tmp_path: Path) -> None:
    plugin = Plugin(api, tmp_path, interactiveMode="Never")
    (tmp_path / "login").write_text("#!/bin/sh\necho please log in >&2\nexit 3\n")
    error = refusal(plugin.kubeconfig)
    assert isinstance(error, KubernetesError)
    assert "exit code 3" in str(error)
    assert error.evidence == "please log in"


@pytest.mark.parametrize(
    "output",
    [
        "hush",
        "[]",
        '{"apiVersion": "client.authentication.k8s.io/v1"}',
        '{"apiVersion": "client.authentication.k8s.io/v1", "status": {"clientKeyData": "hush"}}',
        '{"apiVersion": "client.authentication.k8s.io/v1beta1", "status": {"token": "hush"}}',
    ],
)
def test_odd_output_of_a_plugin_is_refused_without_being_quoted(
    api: KubernetesApi, tmp_path: Path, output: str
) -> None:
    plugin = Plugin(api, tmp_path, interactiveMode="Never")
    (tmp_path / "login").write_text(f"#!/bin/sh\ncat <<'E'\n{output}\nE\n")
    assert isinstance(refusal(plugin.kubeconfig, env={"PATH": "/usr/bin:/bin"}), KubernetesError)


def test_old_plugin_version_is_refused(api: KubernetesApi, tmp_path: Path) -> None:
    assert "v1alpha1 is not supported" in str(refusal(Plugin(api, tmp_path, "v1alpha1").kubeconfig))


@pytest.mark.parametrize(("mode", "interactive"), [("IfAvailable", True), ("Always", True), ("Never", False)])
def test_plugin_may_use_the_terminal(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, interactive: bool
) -> None:
    ours, theirs = os.openpty()
    with open(ours, "rb"), open(theirs) as terminal:  # noqa: PTH123 - descriptors
        monkeypatch.setattr("sys.stdin", terminal)
        plugin = Plugin(api, tmp_path, interactiveMode=mode)
        read(plugin.kubeconfig)
    assert plugin.calls()[0]["info"]["spec"]["interactive"] is interactive


def test_plugin_that_needs_a_terminal_is_not_started_without_one(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/null").open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        plugin = Plugin(api, tmp_path, interactiveMode="Always")
        assert "needs a terminal" in str(refusal(plugin.kubeconfig))
    assert not plugin.log.exists()


# ------------------------------------------------------------------------------------------------------ TLS and proxy


def test_unknown_authority_is_refused_at_once(api: KubernetesApi, tmp_path: Path) -> None:
    with KubernetesApi() as other:
        authority = base64.b64encode(other.authority_pem).decode()
        config = api.kubeconfig(**{"certificate-authority-data": authority})
    error = refusal(save(tmp_path / "k", config))
    assert isinstance(error, KubernetesError)
    assert "is not trusted" in str(error)
    assert api.requests == []


def test_authority_in_a_file_beside_the_kubeconfig(api: KubernetesApi, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(api.authority_pem)
    cluster = {"certificate-authority-data": None, "certificate-authority": "ca.pem"}
    read(save(tmp_path / "k", api.kubeconfig(**cluster)))


def test_insecure_checks_no_certificate(api: KubernetesApi, tmp_path: Path) -> None:
    cluster = {"certificate-authority-data": None, "insecure-skip-tls-verify": True}
    read(save(tmp_path / "k", api.kubeconfig(**cluster)))


def test_tls_server_name_is_asked_for_and_checked(api: KubernetesApi, tmp_path: Path) -> None:
    read(save(tmp_path / "k", api.kubeconfig(**{"tls-server-name": "kubernetes.demo.example"})))
    assert api.server_name == "kubernetes.demo.example"
    error = refusal(save(tmp_path / "k", api.kubeconfig(**{"tls-server-name": "other.example"})))
    assert "is not trusted" in str(error)


@contextmanager
def connect_proxy() -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that knows CONNECT; yields its URL and the first lines of the requests that it got."""
    seen: list[str] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=_serve_proxy, args=(listener, seen), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen


def _serve_proxy(listener: socket.socket, seen: list[str]) -> None:
    while True:
        try:
            client = listener.accept()[0]
        except OSError:
            return
        with client:
            seen.append(client.recv(65536).decode().splitlines()[0])
            host, port = seen[-1].split()[1].split(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                _pump({client: server, server: client})


def _pump(pairs: dict[socket.socket, socket.socket]) -> None:
    while True:
        for ready in select.select(list(pairs), [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            pairs[ready].sendall(data)


def test_proxy_of_the_kubeconfig_is_used(api: KubernetesApi, tmp_path: Path) -> None:
    with connect_proxy() as (url, seen):
        read(save(tmp_path / "k", api.kubeconfig(**{"proxy-url": url})))
    assert seen == [f"CONNECT 127.0.0.1:{api.port} HTTP/1.1"]


def test_proxy_of_an_unknown_kind_is_refused(api: KubernetesApi, tmp_path: Path) -> None:
    error = refusal(save(tmp_path / "k", api.kubeconfig(**{"proxy-url": "gopher://me:hush@h"})))
    assert isinstance(error, RequestError)
    assert "proxy" in str(error)


# ------------------------------------------------------------------------------------------------------- bad days


def test_refused_login_names_verb_resource_and_role(api: KubernetesApi) -> None:
    api.tokens.clear()
    error = refusal(api.kubeconfig_path)
    assert isinstance(error, KubernetesError)
    assert f"get mendixapps {NAME}" in str(error)
    assert "401 Unauthorized" in error.evidence
    assert "verbs: [get]" in error.hint


@pytest.mark.parametrize("resource", ["mendixapps", "storageinstances", "secrets"])
def test_missing_right_names_verb_resource_and_role(api: KubernetesApi, resource: str) -> None:
    api.readable = {right for right in api.readable if right[1] != resource}
    error = refusal(api.kubeconfig_path)
    assert isinstance(error, KubernetesError)
    assert f"the right to get {resource} in namespace {NAMESPACE} is missing" in str(error)
    assert "is forbidden" in error.evidence
    assert f"namespace: {NAMESPACE}}}" in error.hint
    assert "resources: [mendixapps, storageinstances], verbs: [get]" in error.hint


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_failures_are_retried(api: KubernetesApi, status: int) -> None:
    api.inject(Fault(status=status, times=4))
    assert read(api.kubeconfig_path)
    assert len(api.requests) == 9


@pytest.mark.parametrize("status", [429, 500, 503])
def test_lasting_failures_are_given_up(api: KubernetesApi, status: int) -> None:
    api.inject(Fault(status=status, times=99, resource="secrets"))
    error = refusal(api.kubeconfig_path)
    assert isinstance(error, KubernetesError)
    assert f"failed to give Secret {NAME}-database in namespace {NAMESPACE}" in str(error)
    assert f"{status} injected fault" in error.evidence
    assert paths(api).count(f"secrets/{NAME}-database") == QUICK.attempts


def test_wait_that_the_server_asks_for_is_kept_while_it_is_bearable(api: KubernetesApi) -> None:
    api.inject(Fault(status=429, retry_after=0))
    assert read(api.kubeconfig_path)
    api.requests.clear()
    api.inject(Fault(status=429, retry_after=3600, times=99))
    assert "429" in refusal(api.kubeconfig_path).evidence
    assert len(api.requests) == 1


def test_dropped_connections_are_retried(api: KubernetesApi) -> None:
    api.inject(Fault(drop=True, times=2))
    assert read(api.kubeconfig_path)


def test_slow_server_is_waited_for(api: KubernetesApi) -> None:
    api.inject(Fault(delay=0.3))
    assert read(api.kubeconfig_path)


def test_server_that_does_not_answer_is_given_up(api: KubernetesApi) -> None:
    api.inject(Fault(delay=1.0, times=99))
    error = refusal(api.kubeconfig_path, retries=Retries(attempts=2, first_pause=0.001, read_seconds=0.1))
    assert isinstance(error, KubernetesError)
    assert f"{api.url} (context demo" in str(error)
    assert "ReadTimeout" in error.evidence
    assert len(api.requests) == 2


def test_no_attempt_begins_that_may_end_after_the_budget(api: KubernetesApi) -> None:
    api.inject(Fault(drop=True, times=99))
    refusal(api.kubeconfig_path, retries=Retries(first_pause=0.001, budget=1.0, read_seconds=1.0))
    assert len(api.requests) == 1


def test_closed_port_names_the_server(tmp_path: Path) -> None:
    with KubernetesApi() as gone:
        config = save(tmp_path / "k", gone.kubeconfig())
        url = gone.url
    error = refusal(config)
    assert isinstance(error, KubernetesError)
    assert f"the Kubernetes API at {url} (context demo of {config}) cannot be reached" in str(error)
    assert "refused" in error.evidence


def test_cluster_without_mendix_is_told_from_a_missing_environment(api: KubernetesApi) -> None:
    api.inject(Fault(status=404, body="404 page not found\n"))
    error = refusal(api.kubeconfig_path)
    assert isinstance(error, RequestError)
    assert "does not know mendixapps" in str(error)
    assert "404 page not found" in error.evidence


@pytest.mark.parametrize("status", [200, 302, 502])
def test_page_of_a_proxy_is_no_kubernetes_api(api: KubernetesApi, status: int) -> None:
    api.inject(Fault(status=status, body="<html>Please log in</html>", times=99))
    error = refusal(api.kubeconfig_path)
    assert isinstance(error, KubernetesError)
    assert "text/html" in error.evidence or "Please log in" in error.evidence


@pytest.mark.parametrize("body", ["", "[]", "{}", "5", '{"kind": '])
def test_answer_that_is_no_object_is_refused(api: KubernetesApi, body: str) -> None:
    api.inject(Fault(status=200, body=body))
    assert "is not a Kubernetes API" in str(refusal(api.kubeconfig_path))


def test_data_that_is_no_text_is_refused(api: KubernetesApi) -> None:
    secret = find(api, "Secret", "-database")
    secret["stringData"], secret["data"] = {}, {"database-password": 5}
    assert "database-password of Secret" in str(refusal(api.kubeconfig_path))
