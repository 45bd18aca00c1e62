"""A real Kubernetes API for the tests of this folder, which all have the marker `cluster` (`make test-cluster`).

- `cluster`: kube-apiserver with etcd, started once a session. `cluster.admin` is an `Api` that may do everything;
  `cluster.binaries.kubectl` is a kubectl of the same version.
- `namespace`: a fresh one that enforces the pod security standard "restricted"; `new_namespace("privileged")` makes
  more. `namespace.put(manifests)` creates objects, `namespace.login(rules)` a service account with a role of these.
- `kubeconfig_for(login)`: writes a kubeconfig file, for a service account or for the `user` of a kubeconfig.
- `admin_kubeconfig`: one for the administrator.
- `command`: runs the installed command with a kubeconfig; `cluster.command.Command.secrets` are never printed.
- `stored`: the Kubernetes objects of an environment, without services behind them; the service account `account` may
  read them with the documented role; `take(login)` runs `credentials` for them.
- `node`: a node for the pods of `namespace`; with `standin.kubelet.Kubelet` their containers are local processes, which
  the real `kubectl exec` reaches through the real API server.
- `helm`, `chart`: the real helm, and the chart of this project as it renders it.

There is no controller and no kubelet: see `cluster.server`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cluster.binaries import cluster_binaries, exec_kubelet
from cluster.charts import Chart
from cluster.command import Command
from cluster.environments import SECRETS, StoredEnvironment
from cluster.namespaces import Namespace, ServiceAccount
from cluster.node import Node
from cluster.server import Cluster, save
from cluster.taking import Take
from gotools import go_tool
from servers import ServerUnavailable, require

NewNamespace = Callable[..., Namespace]
KubeconfigFor = Callable[..., Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder has the marker; none can forget it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def cluster(server_folder: Path) -> Iterator[Cluster]:
    """The real thing, shared by all tests: make a namespace of your own."""
    try:
        binaries = cluster_binaries()
    except ServerUnavailable as error:
        require(str(error))
    work = server_folder / "cluster"
    work.mkdir(mode=0o700)
    with Cluster(work, binaries) as running:
        yield running


@pytest.fixture(scope="session")
def new_namespace(cluster: Cluster) -> NewNamespace:
    """Makes a namespace that enforces a pod security standard: "restricted" unless told otherwise."""

    def make(pod_security: str = "restricted") -> Namespace:
        return Namespace(cluster, pod_security)

    return make


@pytest.fixture
def namespace(new_namespace: NewNamespace) -> Namespace:
    """A namespace of the test's own that enforces "restricted"."""
    return new_namespace()


@pytest.fixture
def kubeconfig_for(cluster: Cluster, tmp_path: Path) -> KubeconfigFor:
    """Writes a kubeconfig: for a service account (with a token), or for what a kubeconfig has as `user`. More arguments
    are fields of its `cluster`."""

    def make(login: ServiceAccount | Mapping[str, Any], **fields: object) -> Path:
        user = {"token": login.token()} if isinstance(login, ServiceAccount) else login
        return save(tmp_path / f"kubeconfig-{secrets.token_hex(3)}", cluster.kubeconfig(user, **fields))

    return make


@pytest.fixture(scope="session")
def admin_kubeconfig(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig that may do everything."""
    return save(tmp_path_factory.mktemp("admin") / "kubeconfig", cluster.admin_kubeconfig())


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The installed command, in a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)


@pytest.fixture
def stored(namespace: Namespace, command: Command) -> StoredEnvironment:
    """An environment in Kubernetes alone."""
    command.secrets += SECRETS
    return StoredEnvironment(namespace)


@pytest.fixture
def account(stored: StoredEnvironment) -> ServiceAccount:
    """With exactly the documented role."""
    return stored.namespace.login()


@pytest.fixture
def take(command: Command, stored: StoredEnvironment, kubeconfig_for: KubeconfigFor) -> Take:
    """Takes the credentials of `stored`, with a login of any kind."""
    return Take(command, stored, kubeconfig_for)


@pytest.fixture
def node(namespace: Namespace, server_folder: Path) -> Iterator[Node]:
    """Where the pods of `namespace` go."""
    try:
        program = exec_kubelet()
    except ServerUnavailable as error:
        require(str(error))
    work = server_folder / namespace.name
    work.mkdir(mode=0o700)
    with Node(namespace, program, work) as running:
        yield running


@pytest.fixture(scope="session")
def helm() -> Path:
    """The real helm, which Go builds."""
    try:
        return go_tool("helm")
    except ServerUnavailable as error:
        require(str(error))


@pytest.fixture(scope="session")
def chart(helm: Path) -> Chart:
    """The chart, rendered for the namespace `mendix`."""
    return Chart(helm)
