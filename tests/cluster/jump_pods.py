"""The installed command far from an environment whose pods run in the real cluster, reached by the real kubectl."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.api import Api, Manifest
from cluster.conftest import KubeconfigFor
from cluster.mendix import Rule
from cluster.namespaces import Namespace
from e2e.environment import COMMAND, Ended, LiveEnvironment, Running
from e2e.jump_pod.conftest import executable
from surroundings import clean_environment

DOCUMENT = Path(__file__).parents[2] / "docs" / "jump-pod.md"
RBAC = "rbac.authorization.k8s.io/v1"
KINDS = (("v1", "Pod"), ("v1", "ServiceAccount"), (RBAC, "Role"), (RBAC, "RoleBinding"))


def documented_rights() -> list[Rule]:
    """The rules of the Role that the document gives to be copied."""
    text = DOCUMENT.read_text()
    (block,) = [one for one in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "kind: Role" in one]
    rules: list[Rule] = yaml.safe_load(block)["rules"]
    return rules


def names_in(api: Api, namespace: str) -> set[str]:
    """`Kind name` of all that a jump pod may be made of."""
    return {
        f"{kind} {one['metadata']['name']}"
        for version, kind in KINDS
        for one in api.list(version, kind, namespace)
        if one["metadata"]["name"].startswith("mxpc-")
    }


class PodLogin:
    """What pods see of the cluster: each has the token of its own service account and nothing else."""

    def __init__(self, namespace: Namespace, kubeconfig_for: KubeconfigFor, home: Path) -> None:
        self._namespace = namespace
        self._kubeconfig_for = kubeconfig_for
        self._home = home

    def __call__(self, pod: Manifest) -> dict[str, str]:
        account = pod["spec"]["serviceAccountName"]
        token = self._namespace.cluster.token(self._namespace.name, account)
        environment = clean_environment(self._home, KUBECONFIG=str(self._kubeconfig_for({"token": token})))
        return {**environment, "PATH": "/usr/local/bin:/usr/bin:/bin"}


class Person:
    """Somebody at a laptop with a login of their own, kubectl, and the tool."""

    def __init__(
        self, live: LiveEnvironment, namespace: Namespace, kubeconfig_for: KubeconfigFor, folder: Path
    ) -> None:
        self.live = live
        self.namespace = namespace
        self._kubeconfig_for = kubeconfig_for
        self._programs = folder / f"bin-{secrets.token_hex(2)}"
        self._programs.mkdir()
        (self._programs / "kubectl").symlink_to(namespace.cluster.binaries.kubectl)
        self.tool = executable(self._programs / "tool", f'#!/bin/sh\nexec "{COMMAND}" "$@"\n')
        self.rights: Sequence[Rule] = documented_rights()

    def start(self, verb: str, *arguments: str | Path, brings: bool = True, **more: Any) -> Running:
        """`jump-pod VERB` for the environment, with the rights of now."""
        tool = ("--tool", self.tool) if brings else ()
        return self.live.start(
            *("jump-pod", verb, "-n", self.namespace.name, "-e", self.live.name, *tool, *arguments),
            env={
                "PATH": f"{self._programs}:{clean_environment(Path())['PATH']}",
                "KUBECONFIG": str(self._kubeconfig_for(self.namespace.login(self.rights))),
            },
            **more,
        )

    def run(self, verb: str, *arguments: str | Path, brings: bool = True) -> Ended:
        """To its end; afterwards nothing is left."""
        ended = self.start(verb, *arguments, brings=brings).ended()
        self.live.check_tidy(ended)
        assert self.left() == set(), str(ended)
        return ended

    def left(self) -> set[str]:
        """What is in the namespace of jump pods."""
        return names_in(self.namespace.admin, self.namespace.name)

    def without(self, resource: str, verb: str) -> None:
        """From now on this right is missing."""
        split = [{**rule, "resources": [name]} for rule in self.rights for name in rule["resources"]]
        kept = [
            {**rule, "verbs": [one for one in rule["verbs"] if (rule["resources"], one) != ([resource], verb)]}
            for rule in split
        ]
        self.rights = [rule for rule in kept if rule["verbs"]]
