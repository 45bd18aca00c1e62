"""What `manifest` and `cronjob` share: the names of an environment's objects, and YAML for people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import yaml

from mxpc.cli.jump_pod.wiring import find_rights
from mxpc.cli.options import Common
from mxpc.cli.session import Session
from mxpc.errors import RequestError, ToolError
from mxpc.model import Environment
from mxpc.ports import Manifest
from mxpc.progress import Progress
from mxpc.workflows.pod_objects import Rights

DEFAULT_FILE = "-"


def rights_of(common: Common, namespace: str | None, environment: str | None, progress: Progress) -> Rights:
    """The names of the environment's objects: as the cluster has them where it can be asked, else the usual ones."""
    from mxpc.adapters.cluster import KubernetesCluster
    from mxpc.adapters.kubeconfig import find_access

    if not namespace or not environment:
        raise RequestError("the environment is missing", hint="Name it: -n NAMESPACE -e ENVIRONMENT.")
    wanted = Environment(namespace, environment)
    try:
        access = find_access(common.kubeconfig, common.context, env=os.environ)
        with KubernetesCluster(access, namespace, os.environ) as cluster:
            return find_rights(cluster, wanted, common, progress)
    except ToolError as error:
        progress.noted(f"the cluster was not asked, the usual names are used: {error.what}")
        return find_rights(None, wanted, common, progress)


def put_out(session: Session, file: str, objects: Sequence[Manifest], comment: str) -> int:
    """Write YAML (with -o json a List) to standard output or into a file; the exit code."""
    if session.as_json and file == DEFAULT_FILE:
        session.console.result_json({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return 0
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    text = head + yaml.dump_all(objects, Dumper=_Readable, sort_keys=False, width=120)
    if file == DEFAULT_FILE:
        session.console.result(text.rstrip("\n"))
        return 0
    try:
        with open(file, "w", encoding="utf-8") as target:  # noqa: PTH123 - the user's own path
            target.write(text)
    except OSError as cause:
        raise RequestError(f"cannot write {file}", evidence=cause.strerror or "") from cause
    return 0


class _Readable(yaml.SafeDumper):
    """Scripts as blocks, and no references from one object to another."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _text)
