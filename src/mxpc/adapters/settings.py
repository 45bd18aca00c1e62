"""The last step of every source: credentials and facts of the app become the settings of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mxpc.adapters.credentials import ENCRYPTION_KEYS_KEY, Credentials, SecretOverrides, TrustOptions, all_forms
from mxpc.adapters.database_settings import database_settings, jdbc_password
from mxpc.adapters.storage_settings import storage_settings
from mxpc.model import AppFacts, Environment, EnvironmentSettings

__all__ = ["SecretOverrides", "TrustOptions", "environment_settings"]


def environment_settings(
    environment: Environment,
    *,
    app: AppFacts,
    database: Credentials,
    storage: Credentials | None,
    trust: TrustOptions,
    env: Mapping[str, str],
    notes: tuple[str, ...] = (),
) -> EnvironmentSettings:
    """`storage` is None where only the database is asked for. Raises RequestError."""
    if storage and storage.get(ENCRYPTION_KEYS_KEY) not in (None, "[]"):
        app = replace(app, encrypts_blobs=True)
    for_database = database_settings(database, trust, env)
    for_storage = storage_settings(storage, app, trust, env) if storage else None
    places = (database, storage) if storage else (database,)
    return EnvironmentSettings(
        environment=environment,
        app=app,
        database=for_database.settings,
        storage=for_storage.settings if for_storage else None,
        notes=notes + for_database.notes + (for_storage.notes if for_storage else ()),
        secrets=tuple(dict.fromkeys(form for place in places for form in _secrets(place))),
    )


def _secrets(keys: Credentials) -> tuple[str, ...]:
    return keys.secrets() + all_forms(jdbc_password(keys))
