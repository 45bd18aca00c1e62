"""Wires adapters to workflows: the only place where the two meet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxpc.cli.options import Common
from mxpc.cli.session import Session
from mxpc.errors import RequestError
from mxpc.model import Environment, EnvironmentSettings
from mxpc.ports import AppControl, EnvironmentSource, FileStore, SourceDatabase, TargetDatabase
from mxpc.progress import Progress
from mxpc.streams import Concurrency

if TYPE_CHECKING:
    from mxpc.adapters.kubernetes import KubernetesSource
    from mxpc.adapters.settings import TrustOptions


@dataclass(frozen=True)
class Wiring:
    """The adapters of one environment, made when they are asked for."""

    settings: EnvironmentSettings
    progress: Progress
    concurrency: Concurrency
    verbose: bool = False

    def source_database(self) -> SourceDatabase:
        from mxpc.adapters.postgres import PostgresSource

        return PostgresSource(self.settings.database, progress=self.progress)

    def target_database(self) -> TargetDatabase:
        from mxpc.adapters.postgres import PostgresTarget

        return PostgresTarget(self.settings.database, progress=self.progress)

    def file_store(self) -> FileStore | None:
        if self.settings.storage is None:
            return None
        from mxpc.adapters.stores import file_store
        from mxpc.adapters.trust import unprotected_storage

        if warning := unprotected_storage(self.settings.storage):
            self.progress.warned(warning)
        if self.verbose:
            from mxpc.adapters.storage_peer import peer_note

            self.progress.noted(peer_note(self.settings.storage, os.environ))
        return file_store(self.settings.storage, concurrency=self.concurrency)


def wire(
    session: Session,
    common: Common,
    namespace: str | None,
    environment: str | None,
    progress: Progress,
    *,
    storage: bool,
    transfers: Concurrency,
) -> Wiring:
    """Read the environment's settings; hide its secrets and say which rules led to them."""
    settings = _source(common, _environment(common, namespace, environment)).settings(storage=storage)
    session.console.hide(settings.secrets)
    for note in settings.notes:
        progress.noted(note)
    return Wiring(settings, progress, transfers, session.verbose)


MOST_TRANSFERS = 128
"""With 20 ms for a request 128 at once were still quicker than 64; a store that cannot take so many says so."""
FIRST_TRANSFERS = 16


def transfer_limit(transfers: int | None) -> Concurrency:
    """What --transfers says, or else a limit that finds its own level; either falls when the store asks for it."""
    return Concurrency(transfers) if transfers else Concurrency(MOST_TRANSFERS, start=FIRST_TRANSFERS)


def _environment(common: Common, namespace: str | None, environment: str | None) -> Environment:
    if common.credentials_dir:
        return Environment(namespace or "", environment or "the environment of the credentials directory")
    for value, option in ((namespace, "-n NAMESPACE"), (environment, "-e ENVIRONMENT")):
        if not value:
            raise RequestError(f"{option} is missing", hint="Name the environment: -n NAMESPACE -e ENVIRONMENT.")
    assert namespace
    assert environment
    return Environment(namespace, environment)


def _source(common: Common, environment: Environment) -> EnvironmentSource:
    from mxpc.adapters.settings import TrustOptions

    trust = TrustOptions(
        db_sslmode=common.db_sslmode,
        db_sslrootcert=common.db_sslrootcert,
        storage_ca_file=common.storage_ca_file,
        storage_insecure=common.storage_insecure,
    )
    if common.credentials_dir:
        from mxpc.adapters.credentials_dir import CredentialsDirectory

        return CredentialsDirectory(environment, common.credentials_dir, trust=trust, env=os.environ)
    return _from_kubernetes(common, environment, trust)


def app_control(common: Common, namespace: str | None, environment: str | None, *, needed: bool) -> AppControl | None:
    """What stops the app; None where Kubernetes is not called. `needed`: the user asks for it.

    Credentials from a folder do not keep it from being used, for that is all that Kubernetes is called for then.
    """
    if common.credentials_dir and not needed:
        return None
    if common.credentials_dir and not (namespace and environment):
        raise RequestError(
            "--stop-app with --credentials-dir needs -n NAMESPACE and -e ENVIRONMENT",
            hint="The folder does not say which app it is of. Kubernetes is called to scale it, and for nothing else.",
        )
    from mxpc.adapters.kubernetes_app import KubernetesApp

    return KubernetesApp(
        _environment(common, namespace, environment),
        kubeconfig=common.kubeconfig,
        context=common.context,
        env=os.environ,
    )


def kubernetes_source(common: Common, namespace: str | None, environment: str | None) -> KubernetesSource:
    """The source that asks Kubernetes, whatever --credentials-dir says."""
    from mxpc.adapters.settings import TrustOptions

    return _from_kubernetes(common, _environment(common, namespace, environment), TrustOptions())


def _from_kubernetes(common: Common, environment: Environment, trust: TrustOptions) -> KubernetesSource:
    from mxpc.adapters.kubernetes import KubernetesSource
    from mxpc.adapters.settings import SecretOverrides

    return KubernetesSource(
        environment,
        kubeconfig=common.kubeconfig,
        context=common.context,
        overrides=SecretOverrides(database=common.database_secret, storage=common.storage_secret),
        trust=trust,
        env=os.environ,
    )
