"""Which login is meant where the credentials have no password and no keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mxpc.adapters.logins.aws import aws_identity
from mxpc.adapters.logins.azure import azure_database_scope, azure_identity
from mxpc.adapters.logins.google import is_google_database_user
from mxpc.adapters.logins.rds import rds_region
from mxpc.model import Login


@dataclass(frozen=True)
class DatabaseLogin:
    """The login, the AWS region where it needs one, and the rule that led here."""

    login: Login
    region: str | None = None
    notes: tuple[str, ...] = ()


def database_login(host: str, user: str, env: Mapping[str, str]) -> DatabaseLogin | None:
    """By the host's name, or the user's; None when neither stands for a login. `env` is the process's environment."""
    if region := rds_region(host):
        return DatabaseLogin(
            Login.AWS,
            region,
            (
                f"no database-password, and {host} is a host of Amazon RDS in {region}: login with AWS IAM as "
                f"{aws_identity(env, region).name}",
            ),
        )
    if azure_database_scope(host):
        note = f"no database-password, and {host} is a host of Azure: login as {azure_identity(env).name}"
        return DatabaseLogin(Login.AZURE, notes=(note,))
    if is_google_database_user(user):
        note = f"no database-password, and {user} is a Google service account: login with a token of the pod's account"
        return DatabaseLogin(Login.GOOGLE, notes=(note,))
    return None
