"""How well a connection is protected: a note for those who ask, a warning where anybody on the way could listen."""

from __future__ import annotations

from mxpc.adapters.postgres.connection import Connection, place
from mxpc.adapters.trust import is_local
from mxpc.model import DatabaseSettings, TlsMode
from mxpc.progress import Progress

VERIFYING = (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL)
_CHECKED = {
    TlsMode.VERIFY_CA: "its certificate was checked, and not whether it is for this name",
    TlsMode.VERIFY_FULL: "its certificate was checked",
}


def tell_trust(connection: Connection, settings: DatabaseSettings, progress: Progress) -> None:
    """Note protocol and cipher; warn when the connection is not encrypted, or the server's certificate not checked.

    A connection that does not leave this machine is never warned of.
    """
    row = connection.execute("SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    encrypted = bool(row and row[0])
    verified = settings.tls_mode in VERIFYING
    if row and encrypted:
        checked = _CHECKED.get(settings.tls_mode, "its certificate was not checked")
        name = f" for the name {settings.host}" if settings.tls_mode is TlsMode.VERIFY_FULL else ""
        progress.noted(f"the connection to {place(settings)} uses {row[1]} with {row[2]}; {checked}{name}")
    if is_local(settings.host) or (encrypted and verified):
        return
    state = "is encrypted, but the server's certificate is not checked" if encrypted else "is not encrypted"
    progress.warned(
        f"the connection to {place(settings)} {state}; `--db-sslmode verify-full --db-sslrootcert FILE` sees to both"
    )
