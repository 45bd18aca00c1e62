"""MinIO, a second S3 server, for the tests: built once with Go from its module, shared by all runs.

Its makers give away no programs any more. It lives in `.cache/servers/` (or the folder that MXPC_SERVERS names), and
appears there complete. Building takes two to six minutes and some 2 GB of disk, which are free again afterwards.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fakes.openid import AUDIENCE, OpenIdProvider
from mxpc.demo.processes import ServerProcess, free_ports
from mxpc.demo.s3 import REGION
from mxpc.model import KeyLayout, Login, S3Settings
from servers import PROJECT, ServerUnavailable

if sys.platform != "win32":
    import fcntl  # on Windows no server is fetched, and the tests that need none can be collected

MODULE = "github.com/minio/minio"
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
SUM = "h1:/qdoYujxF5MBLDMVLeiYJ/7fBa1HikX39Dvzb9Ji8pA="
"""Of the module, which holds the sums of all that it is built from."""


def minio_program() -> Path:
    """The server's program. Raises ServerUnavailable."""
    cache = Path(os.environ.get("MXPC_SERVERS", PROJECT / ".cache" / "servers"))
    target = cache / f"minio-{VERSION.rpartition('-')[2]}"
    if target.exists():
        return target
    if not (go := shutil.which("go")):
        raise ServerUnavailable("MinIO is built with Go, which is not installed")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "minio.lock").open("w") as lock, tempfile.TemporaryDirectory(prefix="building-", dir=cache) as work:
        fcntl.flock(lock, fcntl.LOCK_EX)  # minutes of all cores: others wait for it
        if not target.exists():
            _build(go, Path(work))
            (Path(work) / "minio").rename(target)
    return target


def _build(go: str, work: Path) -> None:
    """Go needs the surroundings of whoever started us: proxies, certificates, where modules are."""
    environment = os.environ | {
        "GOPATH": str(work / "path"),
        "GOCACHE": str(work / "cache"),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    module = json.loads(_go([go, "mod", "download", "-json", f"{MODULE}@{VERSION}"], work, environment))
    if module["Sum"] != SUM:
        raise ServerUnavailable("the module of MinIO is not the one that was pinned")
    _go([go, "build", "-ldflags=-s -w", "-o", str(work / "minio"), "."], Path(module["Dir"]), environment)


def _go(argv: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    try:
        ended = subprocess.run(
            argv, cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=1500
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        lines = str(error.stderr or error).strip().splitlines()
        raise ServerUnavailable(f"Go could not build MinIO: {lines[-1] if lines else ''}") from error
    return ended.stdout


class Minio:
    """MinIO in a folder of its own, on loopback. Its token service gives keys that have fewer rights."""

    def __init__(self, work: Path, *, trusts: OpenIdProvider | None = None) -> None:
        """`trusts` is the provider whose tokens its token service takes for keys."""
        self._program = minio_program()
        self._trusts = trusts
        self._folder = work / f"minio-{secrets.token_hex(3)}"
        self._process = ServerProcess("MinIO", work / f"{self._folder.name}.log")
        self._ports = free_ports(2)
        self._admin = Credentials("admin", secrets.token_urlsafe(24))

    @property
    def endpoint(self) -> str:
        """The server's URL, without a bucket."""
        return f"http://127.0.0.1:{self._ports[0]}"

    def __enter__(self) -> Self:
        self._folder.mkdir()
        addresses = [f"--address=127.0.0.1:{self._ports[0]}", f"--console-address=127.0.0.1:{self._ports[1]}"]
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._folder),
            "MINIO_ROOT_USER": self._admin.access_key,
            "MINIO_ROOT_PASSWORD": self._admin.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }
        if self._trusts:
            environment |= {
                "MINIO_IDENTITY_OPENID_CONFIG_URL": f"{self._trusts.url}/.well-known/openid-configuration",
                "MINIO_IDENTITY_OPENID_CLIENT_ID": AUDIENCE,
                "MINIO_IDENTITY_OPENID_CLIENT_SECRET": "unused",
                "MINIO_IDENTITY_OPENID_ROLE_POLICY": "readwrite",
            }
        self._process.start(
            [self._program, "server", *addresses, str(self._folder / "data")],
            folder=self._folder,
            environment=environment,
        )
        try:
            self._process.wait_until(self._ready)
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()

    def new_bucket(self) -> str:
        """A fresh, empty bucket."""
        name = f"app-{secrets.token_hex(6)}"
        self._send("PUT", f"/{name}", "s3")
        return name

    def settings_for(self, bucket: str) -> S3Settings:
        """How the tool reaches a bucket with the keys that may do everything."""
        return S3Settings(
            endpoint=self.endpoint,
            bucket=bucket,
            region=REGION,
            layout=KeyLayout(),
            access_key_id=self._admin.access_key,
            secret_access_key=self._admin.secret_key,
        )

    def keyless_settings_for(self, bucket: str) -> S3Settings:
        """How the tool reaches a bucket as an AWS identity."""
        return S3Settings(endpoint=self.endpoint, bucket=bucket, region=REGION, layout=KeyLayout(), login=Login.AWS)

    def session(self, bucket: str, actions: tuple[str, ...]) -> dict[str, str]:
        """Variables with keys of a session that may do these things with a bucket, and nothing else."""
        statement = {
            "Effect": "Allow",
            "Action": actions,
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        form = {"Action": "AssumeRole", "Version": "2011-06-15", "DurationSeconds": "3600", "Policy": policy}
        answer = self._send("POST", "/", "sts", form)
        names = {"AccessKeyId": "AWS_ACCESS_KEY_ID", "SecretAccessKey": "AWS_SECRET_ACCESS_KEY"}
        names |= {"SessionToken": "AWS_SESSION_TOKEN"}
        return {variable: re.findall(f"<{tag}>([^<]+)<", answer)[0] for tag, variable in names.items()}

    @property
    def role(self) -> str:
        """What it calls the role of the provider's tokens."""
        return f"arn:minio:iam:::role/{_hash(AUDIENCE)}"

    # ----------------------------------------------------------------------------------------------------- inner works

    def _ready(self) -> bool:
        """Its own word for it comes before it knows whom to let in."""
        with contextlib.suppress(OSError):
            self._send("GET", "/", "s3")
            return True
        return False

    def _send(self, method: str, path: str, service: str, form: Mapping[str, str] | None = None) -> str:
        request = AWSRequest(method, f"{self.endpoint}{path}", data=dict(form) if form else b"")
        SigV4Auth(self._admin, service, REGION).add_auth(request)
        prepared = request.prepare()
        body: Any = prepared.body
        raw = body.encode() if isinstance(body, str) else body
        outgoing = urllib.request.Request(prepared.url, raw or None, dict(prepared.headers), method=method)
        with _opener().open(outgoing, timeout=30) as response:
            return str(response.read().decode())


def _hash(client: str) -> str:
    digest = hashlib.sha1(client.encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
