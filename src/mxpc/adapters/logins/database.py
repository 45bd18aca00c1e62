"""The password of a new connection to PostgreSQL: the one of the settings, or a token that is made for it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mxpc.adapters.logins.aws import aws_keys
from mxpc.adapters.logins.azure import azure_database_scope, azure_token
from mxpc.adapters.logins.google import DATABASE_SCOPE, google_token
from mxpc.adapters.logins.rds import rds_token
from mxpc.adapters.logins.renewal import now
from mxpc.errors import DatabaseError, ServiceError
from mxpc.model import DatabaseSettings, Login


def database_password(settings: DatabaseSettings, env: Mapping[str, str] = os.environ) -> str | None:
    """For one connection that is opened now; None where the settings have none and libpq's own rules count.

    Raises RequestError when there is no identity to log in with, DatabaseError when it gets no token.
    """
    try:
        match settings.login:
            case Login.KEYS:
                return settings.password
            case Login.AWS:
                return _rds(settings, env)
            case Login.AZURE:
                scope = azure_database_scope(settings.host)
                assert scope
                return azure_token(env, scope).text
            case Login.GOOGLE:
                return google_token(env, DATABASE_SCOPE).text
    except ServiceError as error:
        raise DatabaseError(error.what, evidence=error.evidence, hint=error.hint) from error


def _rds(settings: DatabaseSettings, env: Mapping[str, str]) -> str:
    assert settings.region
    keys = aws_keys(env, settings.region)
    return rds_token(
        keys, host=settings.host, port=settings.port, user=settings.user, region=settings.region, moment=now()
    )


def login_hint(login: Login) -> str:
    """What to do when the server refuses the token."""
    match login:
        case Login.AWS:
            return (
                "The AWS identity needs rds-db:connect for this database user, the server IAM authentication, and the "
                "user `GRANT rds_iam`."
            )
        case Login.AZURE:
            return "The database user must be labelled with the object id of the Azure identity (pgaadauth)."
        case Login.GOOGLE:
            return "The service account needs roles/cloudsql.instanceUser, and must be a user of the instance."
        case Login.KEYS:
            return "Check database-username and database-password in the environment's database Secret."
