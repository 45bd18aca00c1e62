"""What an error says of the proxy on the way."""

from __future__ import annotations

import pytest

from mxpc.adapters.proxies import proxy_hint, proxy_of

URL = "https://s3.example.test:9000/bucket"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, ""),
        ({"HTTP_PROXY": "http://p:1"}, ""),
        ({"HTTPS_PROXY": "p.example:3128"}, "HTTPS_PROXY leads through the proxy p.example:3128."),
        ({"https_proxy": "http://me:hush@p:3128"}, "https_proxy leads through the proxy p:3128."),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.test"}, ""),
    ],
)
def test_proxy_is_named_without_its_password(env: dict[str, str], expected: str) -> None:
    assert proxy_hint(URL, env) == expected


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_is_never_asked_through_a_proxy(host: str) -> None:
    assert proxy_of(f"http://{host}:9000", {"HTTP_PROXY": "http://p:1"}) is None


@pytest.mark.parametrize(
    ("excepted", "through"),
    [("10.0.0.0/8", False), ("10.1.2.3", False), ("11.0.0.0/8", True), ("*", False), ("", True)],
)
def test_networks_can_be_excepted(excepted: str, through: bool) -> None:
    env = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": excepted}
    assert (proxy_of("https://10.1.2.3:9000", env) is not None) is through
