"""The way to the file storage through an HTTP proxy: names that only the proxy can resolve."""

from __future__ import annotations

import dataclasses
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.http_proxy import HttpProxy
from fakes.tls_front import TlsFront
from mxpc.adapters.s3 import S3FileStore
from mxpc.demo.s3 import S3Server
from mxpc.errors import FileStoreError
from mxpc.model import S3Settings
from surroundings import new_bucket

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def front(s3: S3Server, tmp_path: Path) -> Iterator[TlsFront]:
    with TlsFront(s3.port, tmp_path, "s3.example.test") as front:
        yield front


@pytest.fixture
def settings(s3: S3Server) -> S3Settings:
    return s3.settings_for(*new_bucket(s3))


def use(settings: S3Settings) -> None:
    """Write, read and look."""
    blob = str(uuid.uuid4())
    store = S3FileStore(settings)
    store.put(blob, 5, [b"hello"])
    assert store.open(blob, 10).head == b"hello"
    assert store.probe([blob]).found == 1


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_https_goes_through_a_tunnel(
    settings: S3Settings, front: TlsFront, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = dataclasses.replace(settings, endpoint="https://s3.example.test", ca_file=str(front.ca_file))
    with HttpProxy({"s3.example.test:443": front.port}) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        use(there)
        assert set(proxy.asked) == {("CONNECT", "s3.example.test:443")}


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_http_is_passed_on(s3: S3Server, settings: S3Settings, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = dataclasses.replace(settings, endpoint="http://s3.example.test:9000")
    with HttpProxy({"s3.example.test:9000": s3.port}) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        use(there)
        assert {authority for _, authority in proxy.asked} == {"s3.example.test:9000"}


@pytest.mark.parametrize("excepted", ["s3.example.test", ".example.test", "other.test, example.test", "*"])
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_excepted_names_are_not_asked_of_the_proxy(
    settings: S3Settings, variable: str, excepted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpProxy({}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv(variable, excepted)
        with pytest.raises(FileStoreError) as failed:
            S3FileStore(dataclasses.replace(settings, endpoint="https://s3.example.test")).probe([])
        assert "host name" in failed.value.evidence
        assert proxy.asked == []


@pytest.mark.parametrize("variables", [{}, {"NO_PROXY": "elsewhere.test"}])
def test_this_machine_is_not_asked_through_a_proxy(
    settings: S3Settings, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpProxy({}) as proxy:
        for name, value in {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url, **variables}.items():
            monkeypatch.setenv(name, value)
        use(settings)
        use(dataclasses.replace(settings, endpoint=settings.endpoint.replace("127.0.0.1", "localhost")))
        assert proxy.asked == []


def test_login_at_the_proxy(settings: S3Settings, front: TlsFront, monkeypatch: pytest.MonkeyPatch) -> None:
    there = dataclasses.replace(settings, endpoint="https://s3.example.test", ca_file=str(front.ca_file))
    with HttpProxy({"s3.example.test:443": front.port}, login="me:pr0xy-secret") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        use(there)


def test_refusing_proxy_is_named_without_its_password(settings: S3Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpProxy({}, login="me:pr0xy-secret") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("pr0xy-secret", "wr0ng-secret"))
        with pytest.raises(FileStoreError) as failed:
            S3FileStore(dataclasses.replace(settings, endpoint="https://s3.example.test")).probe([])
    error = failed.value
    assert "wr0ng-secret" not in "".join(traceback.format_exception(error)) + error.what + error.evidence + error.hint
    assert "proxy" in error.evidence
    assert "HTTPS_PROXY" in error.hint


def test_dead_proxy_is_named(settings: S3Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(FileStoreError) as failed:
        S3FileStore(dataclasses.replace(settings, endpoint="https://s3.example.test")).probe([])
    assert "HTTPS_PROXY" in failed.value.hint
