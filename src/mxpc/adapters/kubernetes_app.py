"""Stopping an app and starting it again: spec.replicas of its MendixApp, by merge patches that never meet in the dark.

Each patch carries the resourceVersion of what was read: the API refuses it with 409 when anybody, a person or the
operator, has changed the object since. That makes it safe to send one again whose answer was lost, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightkube import Client
from lightkube.types import PatchType

from mxpc.adapters.kubeconfig import SERVICE_ACCOUNT, find_access
from mxpc.adapters.kubernetes import MENDIX_APP, ObjectReader
from mxpc.adapters.kubernetes_client import ApiRefusal, Retries, connect
from mxpc.adapters.mendix_app import NOTE, app_scale, note_of
from mxpc.errors import CheckRefused, KubernetesError, ToolError
from mxpc.model import AppScale, Environment

ATTEMPTS = 20
"""The operator writes the status of an app that is being scaled several times a second; each write is a conflict."""

RULE = "- {{apiGroups: [privatecloud.mendix.com], resources: [mendixapps], resourceNames: [{name}], verbs: [patch]}}"
"""What the documented role lacks; `format` it with the environment's name."""

Change = Callable[[AppScale], Mapping[str, Any] | None]


class KubernetesApp:
    """An AppControl over the Kubernetes API; logs in anew for each call, as hours may lie between them."""

    def __init__(
        self,
        environment: Environment,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        env: Mapping[str, str],
        service_account: Path = SERVICE_ACCOUNT,
        retries: Retries | None = None,
    ) -> None:
        """`env` is the process's environment. Nothing is read before the first call."""
        self._environment = environment
        self._kubeconfig = kubeconfig
        self._context = context
        self._variables = env
        self._service_account = service_account
        self._retries = retries

    def look(self) -> AppScale:
        """One request. Raises RequestError or KubernetesError."""
        return self._write(lambda _: None)

    def check(self) -> None:
        """The patch of `stop`, or of `start_again` for one that is stopped already, which the server judges and does
        not do. Raises CheckRefused without the right to it.

        Any other refusal says nothing about the right: admission webhooks need not know dry runs.
        """
        with self._connected() as (client, reader):
            app = reader.mendix_app(self._environment.name)
            patch = _stopping(app_scale(app)) or _starting(app_scale(app))
            try:
                if patch:
                    self._patch(client, app, patch, dry_run=True)
            except ApiRefusal as refusal:
                if refusal.status == 403:
                    raise self._refused(refusal) from refusal

    def stop(self) -> AppScale:
        """Two requests, more when others write at the same time. Raises CheckRefused without the right to patch."""
        return self._write(_stopping)

    def start_again(self) -> AppScale:
        """As `stop`."""
        return self._write(_starting)

    def _write(self, change: Change) -> AppScale:
        with self._connected() as (client, reader):
            for _ in range(ATTEMPTS):
                app = reader.mendix_app(self._environment.name)
                patch = change(app_scale(app))
                if patch is None:
                    return app_scale(app)
                try:
                    return app_scale(self._patch(client, app, patch))
                except ApiRefusal as refusal:
                    if refusal.status != 409:
                        raise self._refused(refusal) from refusal
        raise KubernetesError(
            f"the MendixApp {self._environment.name} cannot be scaled",
            evidence=f"somebody else changed it before each of {ATTEMPTS} tries",
            hint="Is a GitOps tool at odds with the operator? Try again later.",
        )

    def _patch(
        self, client: Client, app: Mapping[str, Any], patch: Mapping[str, Any], *, dry_run: bool = False
    ) -> Mapping[str, Any]:
        metadata = {**patch["metadata"], "resourceVersion": app["metadata"].get("resourceVersion")}
        patched = client.patch(
            MENDIX_APP.resource,
            self._environment.name,
            {**patch, "metadata": metadata},
            namespace=self._environment.namespace,
            patch_type=PatchType.MERGE,
            dry_run=dry_run,
        )
        assert isinstance(patched, Mapping)
        return patched

    def _refused(self, refusal: ApiRefusal) -> ToolError:
        evidence = f"{refusal.status} {refusal.message}"
        if refusal.status == 403:
            return CheckRefused(
                f"the right to patch mendixapps in namespace {self._environment.namespace} is missing, so "
                f"{self._environment.name} cannot be scaled",
                evidence=evidence,
                hint="scale it by hand and leave out --stop-app, or add this rule to the role of the login:\n"
                + RULE.format(name=self._environment.name),
            )
        return KubernetesError(
            f"the Kubernetes API refused to scale {self._environment.name} in namespace {self._environment.namespace}",
            evidence=evidence,
        )

    @contextmanager
    def _connected(self) -> Iterator[tuple[Client, ObjectReader]]:
        access = find_access(
            self._kubeconfig, self._context, env=self._variables, service_account=self._service_account
        )
        with connect(access, self._variables, self._retries) as client:
            yield client, ObjectReader(client, access, self._environment.namespace)


def _stopping(scale: AppScale) -> Mapping[str, Any] | None:
    """Number and note in one write. A note beside another number than 0 is of a run that a person has overruled."""
    if scale.now.stopped:
        return None
    return {"metadata": {"annotations": {NOTE: note_of(scale.now)}}, "spec": {"replicas": 0}}


def _starting(scale: AppScale) -> Mapping[str, Any] | None:
    if scale.before_stop is None:
        return None
    without_note: dict[str, Any] = {"metadata": {"annotations": {NOTE: None}}}
    if not scale.now.stopped:
        return without_note
    # A merge patch removes what it sets to null: where no number was given, none is given again.
    return {**without_note, "spec": {"replicas": scale.before_stop.number}}
