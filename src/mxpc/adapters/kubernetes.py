"""Settings from the Kubernetes API: MendixApp, two StorageInstances and their Secrets, each asked for by its name."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightkube import Client
from lightkube.generic_resource import GenericNamespacedResource, create_api_info, create_namespaced_resource

from mxpc.adapters.credentials import Credentials, SecretOverrides, TrustOptions
from mxpc.adapters.kubeconfig import SERVICE_ACCOUNT, ClusterAccess, find_access
from mxpc.adapters.kubernetes_client import ApiRefusal, Retries, connect
from mxpc.adapters.mendix_app import app_facts, uses_secret_store
from mxpc.adapters.settings import environment_settings
from mxpc.adapters.storage_instance import Part, SecretName, is_object_name, secret_name, storage_instance_name
from mxpc.errors import KubernetesError, RequestError, ToolError
from mxpc.model import Environment, EnvironmentSettings

_GROUP = "privatecloud.mendix.com"

ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: mendix-backup-restore, namespace: {namespace}}}
rules:
- {{apiGroups: [""], resources: [secrets], verbs: [get]}}
- {{apiGroups: [privatecloud.mendix.com], resources: [mendixapps, storageinstances], verbs: [get]}}
"""
"""The role that Mendix documents for backup and restore; `format` it with the namespace."""

_ANONYMOUS = 'User "system:anonymous"'
"""Where anonymous requests are allowed, a request without any login is refused like this, and not with 401."""


class _Secret(GenericNamespacedResource):
    """Plain JSON like the other two kinds; lightkube's own class may not be registered a second time."""

    _api_info = create_api_info("", "v1", "Secret", "secrets")


@dataclass(frozen=True)
class _Kind:
    """A kind of object that is read; the texts of errors use both names."""

    name: str
    plural: str
    resource: type[GenericNamespacedResource]


MENDIX_APP = _Kind("MendixApp", "mendixapps", create_namespaced_resource(_GROUP, "v1alpha1", "MendixApp", "mendixapps"))
_STORAGE_INSTANCE = _Kind(
    "StorageInstance",
    "storageinstances",
    create_namespaced_resource(_GROUP, "v1alpha1", "StorageInstance", "storageinstances"),
)
_SECRET = _Kind("Secret", "secrets", _Secret)


class KubernetesSource:
    """An EnvironmentSource that needs the verb `get` and nothing but the objects' own names."""

    def __init__(
        self,
        environment: Environment,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        overrides: SecretOverrides | None = None,
        trust: TrustOptions | None = None,
        env: Mapping[str, str],
        service_account: Path = SERVICE_ACCOUNT,
        retries: Retries | None = None,
    ) -> None:
        """`env` is the process's environment. Nothing is read before `settings`."""
        self._environment = environment
        self._kubeconfig = kubeconfig
        self._context = context
        self._overrides = overrides or SecretOverrides()
        self._trust = trust or TrustOptions()
        self._variables = env
        self._service_account = service_account
        self._retries = retries

    def settings(self, *, storage: bool = True) -> EnvironmentSettings:
        """One request an object: 5 with storage, 3 without. Raises RequestError or KubernetesError."""
        parts = tuple(Part) if storage else (Part.DATABASE,)
        access, app, found = self._read(parts)
        facts, app_notes = app_facts(app)
        return environment_settings(
            self._environment,
            app=facts,
            database=found[Part.DATABASE][0],
            storage=found[Part.FILE][0] if storage else None,
            trust=self._trust,
            env=self._variables,
            notes=(
                f"Kubernetes API {access.cluster.server}, {access.origin}",
                *app_notes,
                *(note for _, note in found.values()),
            ),
        )

    def credentials(self) -> Credentials:
        """The values of both Secrets, as they are. Raises RequestError or KubernetesError."""
        _, _, found = self._read(tuple(Part))
        values = {key: value for keys, _ in found.values() for key, value in keys.values.items()}
        return Credentials(" and ".join(keys.place for keys, _ in found.values()), values)

    def _read(
        self, parts: tuple[Part, ...]
    ) -> tuple[ClusterAccess, Mapping[str, Any], dict[Part, tuple[Credentials, str]]]:
        access = find_access(
            self._kubeconfig, self._context, env=self._variables, service_account=self._service_account
        )
        with connect(access, self._variables, self._retries) as client:
            reader = ObjectReader(client, access, self._environment.namespace)
            app = reader.mendix_app(self._environment.name)
            return access, app, {part: self._secret(reader, part, app) for part in parts}

    def _secret(self, reader: ObjectReader, part: Part, app: Mapping[str, Any]) -> tuple[Credentials, str]:
        override = self._overrides.database if part is Part.DATABASE else self._overrides.storage
        instance_name = storage_instance_name(self._environment.name, part)
        instance = None if override else reader.get(_STORAGE_INSTANCE, instance_name)
        chosen = secret_name(instance_name, instance, override)
        return reader.secret(chosen, part, app), f"{part} Secret {chosen.name}: {chosen.rule}"


class ObjectReader:
    """Objects of one namespace, and the errors about them."""

    def __init__(self, client: Client, access: ClusterAccess, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._asked = f"asked {access.cluster.server} ({access.origin})"

    def mendix_app(self, name: str) -> Mapping[str, Any]:
        app = self.get(MENDIX_APP, name)
        if app is None:
            raise RequestError(
                f"there is no MendixApp {name} in namespace {self._namespace}",
                evidence=self._asked,
                hint=f"`kubectl get mendixapps -n {self._namespace}` lists the environments; "
                "check the namespace and the context too",
            )
        return app

    def secret(self, chosen: SecretName, part: Part, app: Mapping[str, Any]) -> Credentials:
        secret = self.get(_SECRET, chosen.name)
        if secret is None:
            option = "--database-secret" if part is Part.DATABASE else "--storage-secret"
            store = (
                "its credentials come from a secret store: use --credentials-dir, or " if uses_secret_store(app) else ""
            )
            raise RequestError(
                f"there is no Secret {chosen.name} in namespace {self._namespace}",
                evidence=f"{chosen.rule}; {self._asked}",
                hint=f"{store}name the Secret of the {part} with {option}",
            )
        return Credentials(f"Secret {chosen.name} in namespace {self._namespace}", self._decoded(chosen.name, secret))

    def get(self, kind: _Kind, name: str) -> Mapping[str, Any] | None:
        """The object, or None when there is none."""
        for what, text in (("namespace", self._namespace), (kind.name, name)):
            if not is_object_name(text):
                raise RequestError(f"{text!r} is not a name that Kubernetes allows for a {what}")
        try:
            found = self._client.get(kind.resource, name, namespace=self._namespace)
        except ApiRefusal as refusal:
            if refusal.status == 404 and refusal.about:
                return None
            raise self._refused(kind, name, refusal) from refusal
        return found

    def _refused(self, kind: _Kind, name: str, refusal: ApiRefusal) -> ToolError:
        evidence = f"{refusal.status} {refusal.message}; {self._asked}"
        if refusal.status == 401:
            return KubernetesError(
                f"Kubernetes did not accept the login, when asked to get {kind.plural} {name} "
                f"in namespace {self._namespace}",
                evidence=evidence,
                hint="log in again; the login needs this role:\n" + self._role(),
            )
        if refusal.status == 403 and _ANONYMOUS in refusal.message:
            return KubernetesError(
                f"Kubernetes was asked without a login to get {kind.plural} {name} in namespace {self._namespace}",
                evidence=evidence,
                hint="log in, or choose another context: the user of this one has no token, no certificate and no "
                "login plugin",
            )
        if refusal.status == 403:
            return KubernetesError(
                f"the right to get {kind.plural} in namespace {self._namespace} is missing (asked for {name})",
                evidence=evidence,
                hint="check the namespace's name, or bind this role to the login:\n" + self._role(),
            )
        if refusal.status == 404:
            return RequestError(
                f"the Kubernetes API that was asked does not know {kind.plural}",
                evidence=evidence,
                hint="is this the context of a cluster with Mendix for Private Cloud?",
            )
        return KubernetesError(
            f"the Kubernetes API failed to give {kind.name} {name} in namespace {self._namespace}", evidence=evidence
        )

    def _role(self) -> str:
        return ROLE.format(namespace=self._namespace)

    def _decoded(self, name: str, secret: Mapping[str, Any]) -> dict[str, str]:
        values = {}
        for key, data in (secret.get("data") or {}).items():
            try:
                values[key] = base64.b64decode(data).decode("utf-8")
            except (ValueError, TypeError):
                if key.startswith(("database-", "storage-")):
                    raise RequestError(
                        f"{key} of Secret {name} in namespace {self._namespace} is not a text in UTF-8"
                    ) from None
        return values
