"""What the user reads when the file storage cannot be used, and which keys the probe looks under."""

from __future__ import annotations

import dataclasses
import ssl
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import obstore
import pytest
import trustme

from mxpc.adapters.s3 import S3FileStore
from mxpc.errors import BlobForbidden, BlobNotFound, FileStoreError, RequestError
from mxpc.model import KeyLayout, KeyPattern, S3Settings

from .conftest import Bucket

Answering = Callable[[int, str], str]


@pytest.fixture
def blob() -> str:
    return str(uuid.uuid4())


def refusal_of(settings: S3Settings) -> FileStoreError:
    with pytest.raises(FileStoreError) as caught:
        S3FileStore(settings).probe([])
    error = caught.value
    told = "".join(traceback.format_exception(error)) + error.what + error.evidence + error.hint + repr(settings)
    assert settings.secret_access_key
    assert settings.secret_access_key not in told
    assert settings.bucket in error.what
    assert settings.endpoint in error.what
    assert error.hint
    return error


def test_unknown_access_key(bucket: Bucket) -> None:
    error = refusal_of(dataclasses.replace(bucket.settings, access_key_id="NOBODY"))
    assert "login refused" in error.what
    assert "InvalidAccessKeyId" in error.evidence
    assert "storage-access-key-id" in error.hint


def test_wrong_secret_key(bucket: Bucket) -> None:
    error = refusal_of(dataclasses.replace(bucket.settings, secret_access_key="wr0ng/secret+key"))
    assert "SignatureDoesNotMatch" in error.evidence


def test_no_such_bucket(bucket: Bucket) -> None:
    admin = bucket.server.admin
    error = refusal_of(bucket.server.settings_for("nonesuch", admin))
    assert "no such bucket" in error.what


def test_nobody_listens(bucket: Bucket) -> None:
    error = refusal_of(dataclasses.replace(bucket.settings, endpoint="http://127.0.0.1:1"))
    assert "Connection refused" in error.evidence


def test_unknown_host(bucket: Bucket) -> None:
    error = refusal_of(dataclasses.replace(bucket.settings, endpoint="http://no-such-host.invalid"))
    assert "host name" in error.evidence


def test_https_where_http_is_spoken(bucket: Bucket) -> None:
    error = refusal_of(dataclasses.replace(bucket.settings, endpoint=bucket.settings.endpoint.replace("http", "https")))
    assert "speak http" in error.hint


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "RequestTimeTooSkewed", "clock"),
        (301, "PermanentRedirect", "region"),
        (400, "AuthorizationHeaderMalformed", "region"),
        (400, "ExpiredToken", "login refused"),
    ],
)
def test_answers_that_only_amazon_gives(
    bucket: Bucket, answering: Answering, status: int, code: str, words: str
) -> None:
    url = answering(status, f"<Error><Code>{code}</Code><Message>It is so</Message></Error>")
    assert words in refusal_of(dataclasses.replace(bucket.settings, endpoint=url)).what


def test_a_server_that_is_no_object_store(bucket: Bucket, answering: Answering) -> None:
    store = S3FileStore(dataclasses.replace(bucket.settings, endpoint=answering(404, "<html>not here</html>")))
    with pytest.raises(FileStoreError, match="refused"):
        store.probe([])
    with pytest.raises(FileStoreError) as caught:
        store.open(str(uuid.uuid4()), 10)
    assert not isinstance(caught.value, BlobNotFound)


def test_no_login_at_all(bucket: Bucket) -> None:
    with pytest.raises(RequestError, match="no login"):
        S3FileStore(dataclasses.replace(bucket.settings, access_key_id=None))


def test_variables_of_other_programs_do_not_count(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "NOBODY",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    }.items():
        monkeypatch.setenv(name, value)
    S3FileStore(bucket.settings).probe([])


# ------------------------------------------------------------------------------------------------ missing or forbidden


def test_missing_is_forbidden_to_who_may_not_list(bucket: Bucket, blob: str) -> None:
    there, gone = blob, str(uuid.uuid4())
    bucket.direct.put(there, 2, [b"hi"])
    bucket.proxy.hide_missing = True
    store = bucket.store
    probe = store.probe([there, gone])
    assert (probe.found, probe.forbidden) == (1, 1)
    with pytest.raises(BlobForbidden, match=gone):
        store.open(gone, 10)
    with pytest.raises(BlobForbidden, match=gone):
        store.stat(gone)


def test_everything_forbidden_is_an_error_of_the_login(bucket: Bucket) -> None:
    bucket.proxy.hide_missing = True
    with pytest.raises(FileStoreError, match="refuses every file") as caught:
        bucket.store.probe([str(uuid.uuid4()) for _ in range(3)])
    assert not isinstance(caught.value, BlobForbidden)


def test_a_new_environment_has_nothing_to_probe(bucket: Bucket) -> None:
    bucket.proxy.hide_missing = True
    assert bucket.store.probe([]).tried == 0


# ------------------------------------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize(
    "layout",
    [
        KeyLayout(),
        KeyLayout("my-app"),
        KeyLayout("deep/folder with spaces & ü%20"),
        KeyLayout("x", prefix="pre+fix-", suffix=".bin"),
        KeyLayout(pattern=KeyPattern.SHARDED),
    ],
    ids=str,
)
def test_the_probe_finds_the_layout_and_it_is_used_from_then_on(bucket: Bucket, blob: str, layout: KeyLayout) -> None:
    content = b"found"
    obstore.put(bucket.server.store(bucket.settings.bucket), layout.key(blob), content)
    settings = dataclasses.replace(bucket.settings, layout=KeyLayout("elsewhere"), other_layouts=(layout,))
    settings = dataclasses.replace(settings, access_key_id=bucket.server.admin.access_key_id)
    settings = dataclasses.replace(settings, secret_access_key=bucket.server.admin.secret_access_key)
    store = S3FileStore(settings)
    assert store.probe([blob]).layout == layout
    assert store.open(blob, 10).head == content
    assert [stat.blob for stat in store.list()] == [blob]
    store.delete(blob)
    assert store.stat(blob) is None


def test_listing_passes_over_keys_of_others(bucket: Bucket, blob: str) -> None:
    admin = bucket.server.store(bucket.settings.bucket)
    for key in (
        f"mine/{blob}",
        f"minefield/{uuid.uuid4()}",
        f"other/{uuid.uuid4()}",
        "mine/notes.txt",
        str(uuid.uuid4()),
    ):
        obstore.put(admin, key, b"x")
    settings = bucket.server.settings_for(bucket.settings.bucket, bucket.server.admin, KeyLayout("mine"))
    assert [stat.blob for stat in S3FileStore(settings).list()] == [blob]


# ---------------------------------------------------------------------------------------------------------- encryption


@pytest.mark.parametrize("key", ["x-amz-key", "x-amz-key-v2", "x-amz-matdesc"])
def test_client_side_encryption_is_seen(bucket: Bucket, blob: str, key: str) -> None:
    obstore.put(bucket.server.store(bucket.settings.bucket), blob, b"\x00" * 32, attributes={key: "wrapped"})
    assert bucket.direct.probe([blob]).encrypted
    assert bucket.direct.open(blob, 100).encryption == {key: "wrapped"}


# ----------------------------------------------------------------------------------------------------------------- TLS


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server that finds nothing, over TLS with a certificate of our own CA: its URL and the CA's file."""

    class Nothing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = b"<Error><Code>NoSuchKey</Code></Error>"
            self.send_response(404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_address[1]}", tmp_path / "ca.pem"
    server.shutdown()
    server.server_close()


def test_an_unknown_authority_is_not_trusted(bucket: Bucket, tls_server: tuple[str, Path]) -> None:
    error = refusal_of(dataclasses.replace(bucket.settings, endpoint=tls_server[0]))
    assert "certificate" in error.what
    assert "--storage-ca-file" in error.hint


def test_a_ca_file_is_trusted(bucket: Bucket, tls_server: tuple[str, Path]) -> None:
    url, ca_file = tls_server
    S3FileStore(dataclasses.replace(bucket.settings, endpoint=url, ca_file=str(ca_file))).probe([])


def test_insecure_trusts_everybody(bucket: Bucket, tls_server: tuple[str, Path]) -> None:
    S3FileStore(dataclasses.replace(bucket.settings, endpoint=tls_server[0], insecure=True)).probe([])


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_variables_for_trust_are_honoured(
    bucket: Bucket, tls_server: tuple[str, Path], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, ca_file = tls_server
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv(variable, str(ca_file if variable == "SSL_CERT_FILE" else ca_file.parent))
    S3FileStore(dataclasses.replace(bucket.settings, endpoint=url)).probe([])


def test_a_ca_file_that_is_none(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot read the CA file"):
        S3FileStore(dataclasses.replace(bucket.settings, ca_file=str(tmp_path / "none.pem")))
    (tmp_path / "key.pem").write_text("no certificate")
    with pytest.raises(RequestError, match="no certificate"):
        S3FileStore(dataclasses.replace(bucket.settings, ca_file=str(tmp_path / "key.pem")))
