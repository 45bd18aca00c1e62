"""The single-file program's knowledge of itself: where it is, what it carries, and what its unpacking left to tidy up.

It is one executable that holds Python, the libraries and this package (docs/decisions/0014). Its first process unpacks
them into a temporary folder, starts a second one that does the work, waits for it, and removes the folder.
Standard library only: it is imported before anything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, MutableMapping
from pathlib import Path

_UNPACKER_PREFIX = "_PYI_"
"""Variables by which the two processes talk; a copy of the program that we start must not take them for its own."""
_SEARCH_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, distroless
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat, Fedora, Amazon
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",
)
_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def own_program() -> Path | None:
    """The single-file program that is running, to be copied elsewhere; None where a package of some Python runs."""
    return Path(sys.executable).resolve() if getattr(sys, "frozen", False) else None


def carried_folder() -> Path | None:
    """Where the single-file program has unpacked what it carries; None where a package of some Python runs.

    It is there as long as the program runs.
    """
    folder = getattr(sys, "_MEIPASS", None) if getattr(sys, "frozen", False) else None
    return Path(folder) if folder else None


def settle_in(environment: MutableMapping[str, str] = os.environ) -> None:
    """To be called once, first, by the single-file program: children get the user's environment, and we end with
    the process that the user sees."""
    restore_environment(environment)
    trust_carried_roots(environment)
    if sys.platform == "linux" and own_program():
        _end_with_parent()


def restore_environment(environment: MutableMapping[str, str]) -> None:
    """Undo what the unpacking changed: pg_dump and login plugins of the system must load the system's libraries."""
    for name in _SEARCH_PATHS:
        before = environment.pop(f"{name}_ORIG", None)
        if before is not None:
            environment[name] = before
        elif own_program():
            environment.pop(name, None)
    for name in [name for name in environment if name.startswith(_UNPACKER_PREFIX)]:
        del environment[name]


def trust_carried_roots(environment: MutableMapping[str, str], system: Iterable[str] = SYSTEM_ROOTS) -> None:
    """Where a bare Linux has no CA certificates of its own, and the user names none, trust those that we carry."""
    folder = carried_folder()
    if sys.platform != "linux" or not folder or {"SSL_CERT_FILE", "SSL_CERT_DIR"} & environment.keys():
        return
    if not any(Path(place).is_file() for place in system):
        environment["SSL_CERT_FILE"] = str(folder / "certifi" / "cacert.pem")


def _end_with_parent() -> None:
    """The first process passes on every signal but SIGKILL; after that one we must not work on unseen."""
    import ctypes

    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os._exit(128 + _SIGKILL)
