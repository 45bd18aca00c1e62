"""The installed command over https with a CA of our own, and through proxies: what it accepts, refuses and says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.environment import Ended, LiveEnvironment
from fakes.http_proxy import HttpProxy
from fakes.tls_front import TlsFront
from mxpc.demo.s3 import S3Server


@pytest.fixture(scope="module")
def front(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsFront]:
    """The S3 server with TLS, for the name localhost."""
    with TlsFront(s3.port, tmp_path_factory.mktemp("front")) as front:
        yield front


@pytest.fixture(scope="module")
def elsewhere(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsFront]:
    """The same with a certificate of another CA, for another name."""
    with TlsFront(s3.port, tmp_path_factory.mktemp("elsewhere"), "s3.example.test") as front:
        yield front


def back_up(environment: LiveEnvironment, endpoint: str, *options: str | Path, **env: str) -> Ended:
    file = environment.home / "backup.tar.gz"
    file.unlink(missing_ok=True)
    folder = environment.credentials_folder(storage_endpoint=endpoint)
    ended = environment.run("backup", "--credentials-dir", folder, "-f", file, *options, env=env)
    assert file.exists() is (ended.code == 0)
    return ended


def at(front: TlsFront) -> str:
    return f"https://localhost:{front.port}"


def test_right_ca_is_trusted_and_the_peer_is_named(untouchable: LiveEnvironment, front: TlsFront) -> None:
    ended = back_up(untouchable, at(front), "--storage-ca-file", front.ca_file, "-v")
    ended.expect(0, "uses TLSv1.3 with", "certificate for localhost, issued by", "is checked for the name localhost")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_right_ca_by_variable(untouchable: LiveEnvironment, front: TlsFront, variable: str) -> None:
    place = front.ca_file if variable == "SSL_CERT_FILE" else front.ca_file.parent
    back_up(untouchable, at(front), **{variable: str(place)}).expect(0)


@pytest.mark.parametrize("options", [[], ["-v"]])
def test_unknown_ca_is_refused(untouchable: LiveEnvironment, front: TlsFront, options: list[str]) -> None:
    ended = back_up(untouchable, at(front), *options)
    ended.expect(3, "certificate not trusted", "UnknownIssuer", "--storage-ca-file", "localhost")


@pytest.mark.parametrize("variable", ["", "SSL_CERT_FILE"])
def test_wrong_ca_is_refused(untouchable: LiveEnvironment, front: TlsFront, elsewhere: TlsFront, variable: str) -> None:
    options = () if variable else ("--storage-ca-file", elsewhere.ca_file)
    env = {variable: str(elsewhere.ca_file)} if variable else {}
    back_up(untouchable, at(front), *options, **env).expect(3, "certificate not trusted", "--storage-ca-file")


def test_wrong_name_is_refused(untouchable: LiveEnvironment, elsewhere: TlsFront) -> None:
    ended = back_up(untouchable, at(elsewhere), "--storage-ca-file", elsewhere.ca_file)
    ended.expect(3, "certificate not trusted", "NotValidForName")


def test_no_tls_at_all_is_told(untouchable: LiveEnvironment, s3: S3Server) -> None:
    back_up(untouchable, f"https://localhost:{s3.port}").expect(3, "no TLS", "storage-endpoint")


def test_insecure_checks_nothing(untouchable: LiveEnvironment, elsewhere: TlsFront) -> None:
    ended = back_up(untouchable, at(elsewhere), "--storage-insecure", "-v")
    ended.expect(0, "uses TLSv1.3 with", "its certificate is not checked")


def test_a_ca_file_that_is_none_is_an_error_of_the_request(untouchable: LiveEnvironment, front: TlsFront) -> None:
    back_up(untouchable, at(front), "--storage-ca-file", "/nowhere.pem").expect(2, "/nowhere.pem", "cannot read")


# ------------------------------------------------------------------------------------------------------------- proxies


def test_storage_behind_a_proxy(untouchable: LiveEnvironment, elsewhere: TlsFront) -> None:
    with HttpProxy({"s3.example.test:443": elsewhere.port}, login="me:pr0xy-secret") as proxy:
        trust = ("--storage-ca-file", elsewhere.ca_file, "-v")
        ended = back_up(untouchable, "https://s3.example.test", *trust, HTTPS_PROXY=proxy.url)
        ended.expect(0, "HTTPS_PROXY leads through the proxy 127.0.0.1:", "is checked for the name s3.example.test")
        assert set(proxy.asked) == {("CONNECT", "s3.example.test:443")}
        assert "pr0xy-secret" not in ended.err

        excepted = back_up(untouchable, "https://s3.example.test", HTTPS_PROXY=proxy.url, NO_PROXY=".example.test")
        excepted.expect(3, "the host name is not known")


def test_proxy_that_refuses_is_named_without_its_password(untouchable: LiveEnvironment) -> None:
    with HttpProxy({}, login="me:pr0xy-secret") as proxy:
        url = proxy.url.replace("pr0xy-secret", "wr0ng-secret")
        ended = back_up(untouchable, "https://s3.example.test", "-v", HTTPS_PROXY=url)
    ended.expect(3, "refused by the proxy", "USER:PASSWORD", "HTTPS_PROXY leads through the proxy 127.0.0.1:")
    assert "wr0ng-secret" not in ended.err


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_kubernetes_behind_a_proxy(untouchable: LiveEnvironment, variable: str) -> None:
    """The kubeconfig names a server that only the proxy finds."""
    api = untouchable.kubernetes
    config = untouchable.home / "behind-proxy.yaml"
    text = api.kubeconfig_path.read_text()
    assert f"127.0.0.1:{api.port}" in text
    config.write_text(text.replace(f"127.0.0.1:{api.port}", "kubernetes.demo.example:6443"))
    file = untouchable.home / "behind-proxy.tar.gz"
    with HttpProxy({"kubernetes.demo.example:6443": api.port}) as proxy:
        ended = untouchable.run("backup", "--kubeconfig", config, "-f", file, env={variable: proxy.url})
        ended.expect(0)
        assert set(proxy.asked) == {("CONNECT", "kubernetes.demo.example:6443")}
    untouchable.run(
        "backup", "--kubeconfig", config, "-f", file, env={variable: proxy.url, "NO_PROXY": "demo.example"}
    ).expect(3, "kubernetes.demo.example", "cannot be reached")
