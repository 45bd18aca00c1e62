"""Azurite, Microsoft's emulator of Azure Blob Storage, for the tests: fetched once with npm, shared by all runs.

It lives in `.cache/servers/` (or the folder that MXPC_SERVERS names), and appears there complete.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import shutil
import ssl
import subprocess
import urllib.request
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import trustme

from mxpc.demo.processes import ServerProcess, free_ports
from mxpc.model import AzureSettings, KeyLayout, Login
from servers import ServerUnavailable, fetched

VERSION = "3.37.0"
PROTOCOL = "2021-12-02"


def azurite_program() -> tuple[str, Path]:
    """Node, and the script that it runs. Raises ServerUnavailable."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        raise ServerUnavailable("Azurite needs node and npm, which are not installed")
    target = fetched(f"azurite-{VERSION}", lambda work: _install(npm, work))
    return node, target / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


def _install(npm: str, work: Path) -> Path:
    """npm needs the surroundings of whoever started us: proxies, certificates, registry. Packages run no scripts."""
    folder = work / "tree"
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true}\n')
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--omit=optional", "--silent"]
    try:
        subprocess.run(
            [npm, "install", "--prefix", str(folder), *options, f"azurite@{VERSION}"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=600,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        lines = str(error.stderr or error).strip().splitlines()
        raise ServerUnavailable(f"npm could not fetch Azurite: {lines[-1] if lines else ''}") from error
    return folder


class Azurite:
    """A blob service on loopback that keeps everything in memory; over https it takes tokens of Entra, too.

    It checks signatures and, of a token, who gave it, for whom and how long; but not that Microsoft signed it.
    """

    def __init__(self, work: Path, *, https: bool = False) -> None:
        self._program = azurite_program()
        self._https = https
        self._folder = work / f"azurite-{secrets.token_hex(3)}"
        self._folder.mkdir()
        self._process = ServerProcess("Azurite", self._folder / "azurite.log")
        (self._port,) = free_ports(1)
        self.account = "account1"
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self.ca_file = self._folder / "ca.pem"

    @property
    def endpoint(self) -> str:
        """The account's address, in Azurite's path style."""
        return f"{'https' if self._https else 'http'}://localhost:{self._port}/{self.account}"

    def __enter__(self) -> Self:
        node, script = self._program
        options = ["--inMemoryPersistence", "--disableTelemetry", "--silent", "--skipApiVersionCheck"]
        options += ["--blobHost", "127.0.0.1", "--blobPort", str(self._port)]
        options += [*self._certificate(), "--oauth", "basic"] if self._https else []
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self._folder),
            "AZURITE_ACCOUNTS": f"{self.account}:{self.key}",
        }
        self._process.start([node, str(script), *options], folder=self._folder, environment=environment)
        try:
            self._process.wait_until(lambda: "successfully listen" in (self._folder / "azurite.log").read_text())
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()

    def new_container(self) -> str:
        """A fresh, empty container."""
        name = f"app-{secrets.token_hex(6)}"
        self._send("PUT", f"/{self.account}/{name}", {"restype": "container"})
        return name

    def settings_for(self, container: str, *, login: Login = Login.KEYS) -> AzureSettings:
        """How the tool reaches a container: with the account's key, or as an identity."""
        return AzureSettings(
            endpoint=self.endpoint,
            account=self.account,
            container=container,
            layout=KeyLayout(),
            account_key=self.key if login is Login.KEYS else None,
            ca_file=str(self.ca_file) if self._https else None,
            login=login,
        )

    def signature(self, container: str, rights: str = "rwdlc", *, expires: str = "2099-01-01T00:00:00Z") -> str:
        """A shared access signature for one container."""
        resource = f"/blob/{self.account}/{container}"
        signed = [rights, "", expires, resource, "", "", "", PROTOCOL, "c", "", "", "", "", "", "", ""]
        query = {"sv": PROTOCOL, "sr": "c", "sp": rights, "se": expires, "sig": self._signed("\n".join(signed))}
        return urlencode(query)

    # ----------------------------------------------------------------------------------------------------- inner works

    def _certificate(self) -> list[str]:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate = authority.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(str(self._folder / "key.pem"))
        certificate.cert_chain_pems[0].write_to_path(str(self._folder / "cert.pem"))
        return ["--cert", str(self._folder / "cert.pem"), "--key", str(self._folder / "key.pem")]

    def _send(self, method: str, path: str, query: dict[str, str]) -> None:
        date = formatdate(usegmt=True)
        resource = f"/{self.account}{path}" + "".join(f"\n{name}:{value}" for name, value in sorted(query.items()))
        signed = f"{method}{chr(10) * 12}x-ms-date:{date}\nx-ms-version:{PROTOCOL}\n{resource}"
        headers = {
            "x-ms-date": date,
            "x-ms-version": PROTOCOL,
            "Authorization": f"SharedKey {self.account}:{self._signed(signed)}",
            "Content-Type": "",
        }
        base = self.endpoint.removesuffix(f"/{self.account}")
        request = urllib.request.Request(f"{base}{path}?{urlencode(query)}", b"", headers, method=method)
        handlers = [urllib.request.ProxyHandler({})]
        if self._https:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca_file)))  # type: ignore[arg-type]
        urllib.request.build_opener(*handlers).open(request, timeout=30).close()

    def _signed(self, text: str) -> str:
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()
